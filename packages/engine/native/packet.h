// One packet to be sent, as its command says, and the RTP header that an entry gives it.
// Spec: RFC 3550 §5.1, RFC 8285. Elsewhere: reading commands → forwarder.cc · extension bytes → extensions.h
#pragma once
#include "extensions.h"
#include "layout.h"
#include "patches.h"

namespace tertulia {

/// One command, checked.
struct Packet {
  const uint8_t* payload;
  uint32_t payloadLength, index, timestamp;
  bool marker, retransmission;
  uint32_t codec, csrcCount, csrcs[2], extensionCount, patchCount;
  struct Extension {
    uint8_t kind, length;
    const uint8_t* value;
  } extensions[COMMAND_EXTENSIONS_MAX];
  Patch patches[COMMAND_PATCHES_MAX];

  /// @return nullptr when it does not carry this kind
  const Extension* extension(uint8_t kind) const {
    for (uint32_t i = 0; i < extensionCount; i++) {
      if (extensions[i].kind == kind) return &extensions[i];
    }
    return nullptr;
  }
  /// Whether every patch lies inside what it changes.
  bool patchesFit() const {
    if (payloadLength > SLOT_BYTES) return false;  // nor would the packet be sent
    for (uint32_t i = 0; i < patchCount; i++) {
      const Extension* target = patches[i].target == Patch::PAYLOAD ? nullptr : extension(patches[i].target);
      if (!target && patches[i].target != Patch::PAYLOAD) return false;
      if (patches[i].end() > (target ? target->length : payloadLength)) return false;
    }
    return true;
  }
};

/// The bytes that an entry's words are.
struct EntryBytes {
  explicit EntryBytes(const uint32_t* words) : bytes(reinterpret_cast<const uint8_t*>(words)) {}
  const uint8_t* bytes;
  uint8_t payloadType(uint32_t codec) const { return bytes[ENTRY_PAYLOAD_TYPES * 4 + codec]; }
  uint8_t rtxPayloadType(uint32_t codec) const { return bytes[ENTRY_RTX_PAYLOAD_TYPES * 4 + codec]; }
  uint8_t extensionId(uint8_t kind) const { return bytes[ENTRY_EXTENSION_IDS * 4 + kind]; }
  uint8_t midId() const { return bytes[ENTRY_SEND_EXTENSIONS * 4]; }
  uint8_t midLength() const { return bytes[ENTRY_SEND_EXTENSIONS * 4 + 1]; }
  uint8_t absSendTimeId() const { return bytes[ENTRY_SEND_EXTENSIONS * 4 + 2]; }
  uint8_t transportWideId() const { return bytes[ENTRY_SEND_EXTENSIONS * 4 + 3]; }
  /// PLAYOUT_DELAY_GIVEN and the 24 bits of the extension, or 0.
  uint32_t playoutDelay() const {
    uint32_t word;
    memcpy(&word, bytes + ENTRY_PLAYOUT_DELAY * 4, sizeof word);
    return word;
  }
  const uint8_t* mid() const { return bytes + ENTRY_MID * 4; }
  bool hasMid() const { return midId() && midLength() && midLength() <= MID_BYTES; }
};

/// A header's length, and where in it is what is only known at the moment of sending (0 = nowhere).
struct HeaderPlaces {
  uint16_t length = 0, sendTime = 0, transportWideNumber = 0;
};

/// Everything but sequence number, timestamp, SSRC and what HeaderPlaces names.
/// @return false when it does not fit into `room`
inline bool writeHeader(uint8_t* out, size_t room, const Packet& packet, const EntryBytes& entry, uint8_t payloadType,
                        bool carriesMid, HeaderPlaces& places) {
  static const uint8_t LATER[3] = {};
  ExtensionWriter extensions;
  const uint32_t delay = entry.playoutDelay();
  const uint8_t delayId = delay & PLAYOUT_DELAY_GIVEN ? entry.extensionId(PLAYOUT_DELAY_EXTENSION) : 0;
  const uint8_t delayBytes[3] = {static_cast<uint8_t>(delay >> 16), static_cast<uint8_t>(delay >> 8),
                                 static_cast<uint8_t>(delay)};
  if (delayId) extensions.add(delayId, delayBytes, 3);
  for (uint32_t i = 0; i < packet.extensionCount; i++) {
    if (delayId && packet.extensions[i].kind == PLAYOUT_DELAY_EXTENSION) continue;  // ours counts
    const uint8_t id = entry.extensionId(packet.extensions[i].kind);
    if (id) extensions.add(id, packet.extensions[i].value, packet.extensions[i].length);
  }
  if (carriesMid) extensions.add(entry.midId(), entry.mid(), entry.midLength());
  const size_t fixed = 12 + 4 * packet.csrcCount, timeItem = extensions.count();
  if (entry.absSendTimeId()) extensions.add(entry.absSendTimeId(), LATER, 3);
  if (entry.transportWideId()) extensions.add(entry.transportWideId(), LATER, 2);
  const size_t length = fixed + (extensions.empty() ? 0 : extensions.size());
  if (length > room) return false;
  places.length = static_cast<uint16_t>(length);
  places.sendTime = places.transportWideNumber = 0;
  if (entry.absSendTimeId()) places.sendTime = static_cast<uint16_t>(fixed + extensions.valueOffset(timeItem));
  if (entry.transportWideId()) {
    places.transportWideNumber =
        static_cast<uint16_t>(fixed + extensions.valueOffset(timeItem + (entry.absSendTimeId() ? 1 : 0)));
  }
  out[0] = static_cast<uint8_t>(0x80 | (extensions.empty() ? 0 : 0x10) | packet.csrcCount);
  out[1] = static_cast<uint8_t>((packet.marker ? 0x80 : 0) | payloadType);
  for (uint32_t i = 0; i < packet.csrcCount; i++) writeU32(out + 12 + 4 * i, packet.csrcs[i]);
  if (!extensions.empty()) extensions.write(out + fixed);
  return true;
}

/// 24 bits of seconds, 18 of them behind the point. Clock: the engine's.
inline uint32_t absSendTime(uint64_t nowMicros) {
  return static_cast<uint32_t>((nowMicros << 18) / 1'000'000) & 0xffffff;
}

}  // namespace tertulia
