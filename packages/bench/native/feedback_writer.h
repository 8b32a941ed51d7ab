// What a receiver tells about transport-wide numbers: draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1.
// Written apart from the engine's reader, so that a mistake there cannot hide behind the same mistake here.
// Knows no sockets and no clock: arrival times come in.
#pragma once
#include <utility>
#include <vector>

#include "srtp_client.h"

namespace bench {

/// Value of an element of the one-byte form (RFC 8285), nullptr when the packet does not carry it.
inline const uint8_t* findExtension(const uint8_t* packet, int length, int id) {
  if (!(packet[0] & 0x10)) return nullptr;
  int at = 12 + 4 * (packet[0] & 15);
  if (at + 4 > length || read16(packet + at) != 0xbede) return nullptr;
  const int end = at + 4 + 4 * int(read16(packet + at + 2));
  for (at += 4; at < end && end <= length;) {
    const int head = packet[at];
    if (head == 0) {
      at++;
    } else if (head >> 4 == id) {
      return packet + at + 1;
    } else {
      at += 2 + (head & 15);
    }
  }
  return nullptr;
}

class FeedbackWriter {
 public:
  static constexpr int BYTES_MAX = 1200;

  void add(uint16_t number, int64_t arrivalMicros) {
    const auto ahead = int16_t(number - next_);
    if (started_ && ahead < 0) return;  // does not happen on loopback
    if (!started_) next_ = number;
    for (; next_ != number; next_++) arrivals_.push_back(NOTHING);
    arrivals_.push_back(arrivalMicros);
    next_++;
    started_ = true;
  }

  /// Everything since the last call, as one RTCP packet. Returns its length, 0 when there is nothing to tell.
  int write(uint8_t* packet, uint32_t ownSsrc, uint32_t mediaSsrc) {
    while (!arrivals_.empty() && arrivals_.back() == NOTHING) {  // perhaps they come yet
      arrivals_.pop_back();
      next_--;
    }
    size_t first = 0;
    while (first < arrivals_.size() && arrivals_[first] == NOTHING) first++;
    if (first == arrivals_.size()) return 0;
    const int64_t reference = arrivals_[first] / REFERENCE;
    packet[0] = 0x80 | 15;
    packet[1] = 205;
    write32(packet + 4, ownSsrc);
    write32(packet + 8, mediaSsrc);
    write16(packet + 12, uint16_t(next_ - arrivals_.size()));
    write16(packet + 14, uint32_t(arrivals_.size()));
    write32(packet + 16, uint32_t(reference) << 8 | count_++);
    int at = 20;
    symbols_.clear();
    int64_t told = reference * REFERENCE;
    bool small = true;
    for (int64_t arrival : arrivals_) {
      if (arrival == NOTHING) {
        symbols_.push_back({0, 0});
        continue;
      }
      const int64_t delta = (arrival - told) / UNIT;
      told += delta * UNIT;
      const bool fits = delta >= 0 && delta < 256;
      small = small && fits;
      symbols_.push_back({fits ? 1 : 2, int(delta)});
    }
    const size_t each = small ? 14 : 7;
    for (size_t i = 0; i < symbols_.size(); i += each) {  // status vectors of one or two bits
      uint32_t chunk = small ? 0x8000 : 0xc000;
      for (size_t k = 0; k < each && i + k < symbols_.size(); k++)
        chunk |= uint32_t(symbols_[i + k].first) << (small ? 13 - k : 12 - 2 * k);
      write16(packet + at, chunk);
      at += 2;
    }
    for (const auto& [symbol, delta] : symbols_) {
      if (symbol == 1) packet[at++] = uint8_t(delta);
      if (symbol == 2) {
        write16(packet + at, uint32_t(delta));
        at += 2;
      }
    }
    arrivals_.clear();
    const int padding = (4 - at % 4) % 4;
    for (int i = 0; i < padding; i++) packet[at++] = 0;
    if (padding > 0) {
      packet[0] |= 0x20;
      packet[at - 1] = uint8_t(padding);
    }
    write16(packet + 2, uint32_t(at / 4 - 1));
    return at;
  }

 private:
  static constexpr int64_t NOTHING = INT64_MIN, REFERENCE = 64'000, UNIT = 250;  // µs
  std::vector<int64_t> arrivals_;  // by number, up to next_
  std::vector<std::pair<int, int>> symbols_;
  uint16_t next_ = 0;
  uint8_t count_ = 0;
  bool started_ = false;
};

}  // namespace bench
