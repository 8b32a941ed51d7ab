// Writes a block of RTP header extensions. Pure. Spec: RFC 8285 §4.2 (one-byte form), §4.3 (two-byte form).
#pragma once
#include "bytes.h"

namespace tertulia {

class ExtensionWriter {
 public:
  static constexpr size_t MAX = 10;  // six carried ones, MID, send time, transport-wide number, playout delay

  /// `value` is kept by reference until write().
  void add(uint8_t id, const uint8_t* value, uint8_t length) {
    if (count_ == MAX) return;
    items_[count_++] = {id, length, value};
    valueBytes_ += length;
    if (id > 14 || length > 16 || length == 0) twoByte_ = true;
  }

  bool empty() const { return count_ == 0; }
  size_t size() const {
    const size_t body = valueBytes_ + count_ * (twoByte_ ? 2 : 1);
    return 4 + (body + 3) / 4 * 4;
  }

  /// Where write() puts the value of the item that was added as number `item`.
  size_t valueOffset(size_t item) const {
    size_t at = 4;
    for (size_t i = 0; i < item; i++) at += items_[i].length + (twoByte_ ? 2u : 1u);
    return at + (twoByte_ ? 2 : 1);
  }
  size_t count() const { return count_; }

  /// Fills size() bytes.
  void write(uint8_t* out) const {
    const size_t total = size();
    writeU16(out, twoByte_ ? 0x1000 : 0xbede);
    writeU16(out + 2, static_cast<uint32_t>((total - 4) / 4));
    uint8_t* at = out + 4;
    for (size_t i = 0; i < count_; i++) {
      const Item& item = items_[i];
      if (twoByte_) {
        *at++ = item.id;
        *at++ = item.length;
      } else {
        *at++ = static_cast<uint8_t>(item.id << 4 | (item.length - 1));
      }
      memcpy(at, item.value, item.length);
      at += item.length;
    }
    while (at < out + total) *at++ = 0;
  }

 private:
  struct Item {
    uint8_t id, length;
    const uint8_t* value;
  };
  Item items_[MAX];
  size_t count_ = 0, valueBytes_ = 0;
  bool twoByte_ = false;
};

}  // namespace tertulia
