// What a peer that is sent video has besides: RTX numbers, the history of its transport-wide numbers, its pacer.
#pragma once
#include <deque>
#include "pacer.h"
#include "rtx_numbers.h"
#include "send_history.h"

namespace tertulia {

struct PeerVideo {
  static constexpr size_t PROBES_MAX = 8;  // an estimator asks for two or three at a time

  RtxNumbers rtx;
  Pacer pacer;
  std::deque<ProbeCluster> probes;
  std::unique_ptr<SendHistory> history;  // with the first transport-wide number
  bool active = false;                   // something waits, and VideoSender knows

  void sent(uint64_t nowMicros, size_t bytes, uint16_t clusterId) {
    if (!history) history = std::make_unique<SendHistory>();
    history->add(nowMicros, static_cast<uint32_t>(bytes), clusterId);
  }
};

}  // namespace tertulia
