// Numbers inside a payload or a header extension that each receiver sees shifted by its own delta: picture ids, frame
// numbers, layer indexes. Written into copies only. Pure. Knows widths and places, not what the numbers mean.
#pragma once
#include "bytes.h"
#include "layout.h"

namespace tertulia {

struct Patch {
  static constexpr uint8_t PAYLOAD = 0xff;
  uint8_t target;  // PAYLOAD, or a carried kind
  uint8_t width;   // PATCH_BITS_*
  uint8_t slot;
  uint16_t offset;
  uint16_t value;

  size_t end() const { return offset + (width >= PATCH_BITS_15 ? 2u : 1u); }

  /// @return false for a width that does not exist and for bits that mean nothing
  static bool read(uint32_t descriptor, uint32_t value, Patch& patch) {
    const uint32_t target = descriptor & 15;
    patch.target = target == 0 ? PAYLOAD : static_cast<uint8_t>(target - 1);
    patch.width = descriptor >> 4 & 15;
    patch.slot = descriptor >> 8 & 3;
    patch.offset = static_cast<uint16_t>(descriptor >> 16);
    patch.value = static_cast<uint16_t>(value);
    return patch.width <= PATCH_BITS_16 && (descriptor >> 10 & 63) == 0;
  }

  /// `bytes` has end() of them. `deltas` are the entry's two words.
  void apply(uint8_t* bytes, const uint32_t* deltas) const {
    const auto delta = static_cast<uint16_t>(deltas[slot >> 1] >> (16 * (slot & 1)));
    const auto number = static_cast<uint16_t>(value + delta);
    uint8_t* at = bytes + offset;
    switch (width) {
      case PATCH_BITS_8:
        *at = static_cast<uint8_t>(number);
        break;
      case PATCH_BITS_7:
        *at = static_cast<uint8_t>((*at & 0x80) | (number & 0x7f));
        break;
      case PATCH_BITS_15:
        writeU16(at, (readU16(at) & 0x8000u) | (number & 0x7fffu));
        break;
      default:
        writeU16(at, number);
    }
  }
};

}  // namespace tertulia
