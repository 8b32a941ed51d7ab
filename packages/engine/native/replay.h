// Which packets of one SRTP or SRTCP stream were seen, and the roll-over counter that no packet carries.
// Pure: indexes in, answers out. State changes only in commit(), which is called after authentication.
// Spec: RFC 3711 §3.3.1 (index estimate), §3.3.2 (replay list).
#pragma once
#include <cstdint>
#include <cstring>

namespace tertulia {

/// RFC 3711 wants 64 at least. 1024 packets are two seconds of video at 4 Mbit/s: a retransmission still passes.
constexpr uint64_t REPLAY_WINDOW = 1024;

class ReplayWindow {
 public:
  enum class Verdict { Fresh, Seen, Old };

  /// Index of a 16-bit sequence number: the one next to the highest seen. A stream starts with counter 0.
  /// @return false when that would lie before the stream's beginning.
  bool estimate(uint16_t sequence, uint64_t& index) const {
    if (!started_) {
      index = sequence;
      return true;
    }
    const uint64_t roc = highest_ >> 16;
    const int32_t distance = static_cast<int32_t>(sequence) - static_cast<int32_t>(highest_ & 0xffff);
    uint64_t guess = roc;
    if (distance > 32768) {
      if (roc == 0) return false;
      guess = roc - 1;
    } else if (distance < -32768) {
      guess = roc + 1;
    }
    index = guess << 16 | sequence;
    return guess <= 0xffffffff;
  }

  Verdict check(uint64_t index) const {
    if (!started_ || index > highest_) return Verdict::Fresh;
    if (highest_ - index >= REPLAY_WINDOW) return Verdict::Old;
    return bits_[word(index)] >> (index & 63) & 1 ? Verdict::Seen : Verdict::Fresh;
  }

  void commit(uint64_t index) {
    if (!started_ || index >= highest_ + REPLAY_WINDOW) {
      memset(bits_, 0, sizeof bits_);
    } else {
      for (uint64_t passed = highest_ + 1; passed < index; passed++) bits_[word(passed)] &= ~bit(passed);
    }
    bits_[word(index)] |= bit(index);
    if (!started_ || index > highest_) highest_ = index;
    started_ = true;
  }

 private:
  static size_t word(uint64_t index) { return index % REPLAY_WINDOW >> 6; }
  static uint64_t bit(uint64_t index) { return uint64_t{1} << (index & 63); }

  uint64_t bits_[REPLAY_WINDOW / 64] = {};
  uint64_t highest_ = 0;
  bool started_ = false;
};

}  // namespace tertulia
