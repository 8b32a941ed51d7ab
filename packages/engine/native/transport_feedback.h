// Reads the body of a transport-wide feedback packet: which numbers arrived and when. Pure; every count is checked
// against the bytes before anything is believed.
// Spec: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
#pragma once
#include <vector>
#include "bytes.h"

namespace tertulia {

struct TransportFeedback {
  static constexpr int32_t NOT_RECEIVED = INT32_MIN;
  static constexpr int64_t REFERENCE_MICROS = 64'000;
  static constexpr int64_t DELTA_MICROS = 250;
  static constexpr size_t STATUSES_MAX = 8192;  // as many as a history holds; 24 bytes could claim 65,535

  uint16_t base = 0;       // number of the first status
  uint32_t reference = 0;  // 24 bits, in units of 64 ms
  uint8_t count = 0;       // of feedback packets
  std::vector<int32_t> deltas;  // one for each status: distance to the arrival before, or NOT_RECEIVED

  /// @param bytes what follows the two SSRCs; padding behind the last delta is allowed
  /// @return false when something is missing, reserved, or there is no status or too many
  bool read(const uint8_t* bytes, size_t length) {
    constexpr size_t HEAD = 8, CHUNK = 2;
    constexpr uint8_t SMALL = 1, LARGE = 2;
    deltas.clear();
    if (length < HEAD) return false;
    base = readU16(bytes);
    const size_t statuses = readU16(bytes + 2);
    reference = readU32(bytes + 4) >> 8;
    count = bytes[7];
    if (statuses == 0 || statuses > STATUSES_MAX) return false;

    size_t at = HEAD;
    const auto add = [&](uint32_t symbol) {
      if (deltas.size() < statuses) deltas.push_back(static_cast<int32_t>(symbol));
    };
    while (deltas.size() < statuses) {
      if (length - at < CHUNK) return false;
      const uint32_t chunk = readU16(bytes + at);
      at += CHUNK;
      if (!(chunk & 0x8000)) {  // run length
        for (uint32_t run = chunk & 0x1fff; run > 0 && deltas.size() < statuses; run--) add(chunk >> 13 & 3);
      } else if (!(chunk & 0x4000)) {  // 14 symbols of one bit
        for (int bit = 13; bit >= 0; bit--) add(chunk >> bit & 1);
      } else {  // 7 symbols of two bits
        for (int bit = 12; bit >= 0; bit -= 2) add(chunk >> bit & 3);
      }
    }
    for (int32_t& status : deltas) {
      if (status == 0) {
        status = NOT_RECEIVED;
      } else if (status == SMALL && at < length) {
        status = bytes[at++];
      } else if (status == LARGE && length - at >= 2) {
        status = static_cast<int16_t>(readU16(bytes + at));
        at += 2;
      } else {
        return false;
      }
    }
    return true;
  }
};

}  // namespace tertulia
