// Reads an RTP header far enough to know where the payload begins. Pure; every count is checked against the bytes.
// Spec: RFC 3550 §5.1, §5.3.1.
#pragma once
#include "bytes.h"

namespace tertulia {

struct RtpHeader {
  uint32_t ssrc = 0;
  uint32_t timestamp = 0;
  uint16_t sequence = 0;
  uint8_t payloadType = 0;
  bool marker = false;
  bool padded = false;
  uint8_t csrcCount = 0;
  uint32_t length = 0;           // whole header, extension included
  uint32_t extensionProfile = 0;
  uint32_t extensionOffset = 0;  // from the packet's first byte, behind the 4-byte head; 0 = none
  uint32_t extensionLength = 0;
};

/// @param length bytes that belong to header and payload, authentication tag excluded.
/// @return false when version, CSRC count or extension length do not fit.
inline bool parseRtpHeader(const uint8_t* packet, uint32_t length, RtpHeader& header) {
  if (length < 12 || packet[0] >> 6 != 2) return false;
  header.padded = packet[0] & 0x20;
  header.csrcCount = packet[0] & 0x0f;
  header.marker = packet[1] & 0x80;
  header.payloadType = packet[1] & 0x7f;
  header.sequence = readU16(packet + 2);
  header.timestamp = readU32(packet + 4);
  header.ssrc = readU32(packet + 8);
  header.length = 12 + 4 * header.csrcCount;
  if (packet[0] & 0x10) {
    if (header.length + 4 > length) return false;
    header.extensionProfile = readU16(packet + header.length);
    header.extensionLength = 4u * readU16(packet + header.length + 2);
    header.extensionOffset = header.length + 4;
    header.length += 4 + header.extensionLength;
  }
  return header.length <= length;
}

/// Bytes of padding of a decrypted packet, 0 when the P bit is off.
/// @return false when the count is 0 or larger than the payload.
inline bool rtpPadding(const uint8_t* packet, uint32_t length, const RtpHeader& header, uint32_t& padding) {
  padding = 0;
  if (!header.padded) return true;
  if (length <= header.length) return false;
  padding = packet[length - 1];
  return padding != 0 && padding <= length - header.length;
}

}  // namespace tertulia
