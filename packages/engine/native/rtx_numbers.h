// Sequence numbers of a peer's retransmission streams, by SSRC. They only rise, whatever becomes of the entries that
// use them: a number that came twice under one key would give AES-GCM's authentication key away.
// Spec: RFC 4588 §4 (own numbers), RFC 3711 §3.3.1 (the receiver takes the roll-over counter of a first packet for 0).
#pragma once
#include <cstdint>
#include <unordered_map>

namespace tertulia {

class RtxNumbers {
 public:
  /// Streams of one peer. A receiver of 49 videos uses 49; entries that come and go with new SSRCs add up.
  static constexpr size_t STREAMS_MAX = 4096;

  /// The next number of this stream, roll-over counter in the upper half. @return nullptr when there are too many streams
  uint32_t* next(uint32_t ssrc) {
    const auto found = next_.find(ssrc);
    if (found != next_.end()) return &found->second;
    if (next_.size() >= STREAMS_MAX) return nullptr;
    // Anywhere in the lower half: a receiver that misses the first 32,768 packets still finds counter 0.
    seed_ = (seed_ ^ ssrc) * 0x9e3779b1u + 1;
    return &next_.emplace(ssrc, seed_ >> 17).first->second;
  }

 private:
  std::unordered_map<uint32_t, uint32_t> next_;
  uint32_t seed_ = 0x2545f491;
};

}  // namespace tertulia
