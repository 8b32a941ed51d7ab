// What a peer that is sent video has besides: RTX numbers, the history of its transport-wide numbers, its pacer.
#pragma once
#include <deque>
#include "pacer.h"
#include "rtx_numbers.h"
#include "send_history.h"

namespace tertulia {

struct alignas(64) PeerVideo {
  static constexpr size_t PROBES_MAX = 8;  // an estimator asks for two or three at a time

  SendHistory history;  // first: each packet writes there
  Pacer pacer;
  RtxNumbers rtx;
  std::deque<ProbeCluster> probes;
  uint16_t runningProbe = 0;  // its cluster: what is sent between its first and last packet belongs to the measurement
  bool active = false;        // something waits, and VideoSender knows
};

}  // namespace tertulia
