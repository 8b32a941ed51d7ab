// Copies of packets as they are without SRTP, for whoever wants to look at them: of the peers that are marked, both ways.
// A bounded store that the owner empties now and then; what does not fit is counted at its peer. A peer that is not marked
// costs one branch per packet, and no memory is held while nobody looks.
// Knows peers; does not know sockets, lists or file formats. Record: README.md "Capture".
#pragma once
#include "peer.h"

namespace tertulia {

class CaptureStore {
 public:
  /// @param room bytes for records; 0: given back, and whatever comes is counted as lost
  void setRoom(size_t room) {
    std::vector<uint8_t>().swap(records_);
    records_.reserve(room);
    room_ = room;
  }

  /// One packet in two pieces, header and rest. The caller has looked at `peer.capture`.
  void add(Peer& peer, uint32_t flags, const Address& remote, uint64_t nowMicros, const uint8_t* head, size_t headLength,
           const uint8_t* rest, size_t restLength) {
    const size_t length = headLength + restLength, padded = (length + 3) & ~size_t{3};
    if (records_.size() + CAPTURE_HEAD_BYTES + padded > room_) {
      peer.captureLost[flags & CAPTURE_OUTGOING]++;
      return;
    }
    const size_t at = records_.size();
    records_.resize(at + CAPTURE_HEAD_BYTES + padded);
    const uint32_t words[] = {static_cast<uint32_t>(length), peer.id, flags | uint32_t{peer.capture} << CAPTURE_NUMBER_SHIFT,
                              static_cast<uint32_t>(nowMicros), static_cast<uint32_t>(nowMicros >> 32)};
    static_assert(sizeof words + ADDRESS_BYTES == CAPTURE_HEAD_BYTES, "the record's head is words, then the address");
    uint8_t* out = records_.data() + at;
    memcpy(out, words, sizeof words);
    memcpy(out + sizeof words, remote.bytes, ADDRESS_BYTES);
    memcpy(out + CAPTURE_HEAD_BYTES, head, headLength);
    if (restLength) memcpy(out + CAPTURE_HEAD_BYTES + headLength, rest, restLength);
  }

  /// Whole records, one behind the other.
  const std::vector<uint8_t>& records() const { return records_; }
  void clear() { records_.clear(); }

 private:
  std::vector<uint8_t> records_;
  size_t room_ = 0;
};

}  // namespace tertulia
