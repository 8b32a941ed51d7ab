// What a datagram is, by its first bytes. Pure. Spec: RFC 7983 §7, RFC 5761 §4, RFC 8489 §5.
#pragma once
#include "bytes.h"
#include "layout.h"

namespace tertulia {

struct Classified {
  uint32_t kind;
  Drop drop;  // Drop::Count: none
};

inline Classified classify(const uint8_t* bytes, uint32_t length) {
  constexpr uint32_t STUN_HEADER = 20, DTLS_RECORD_HEADER = 13, RTP_HEADER = 12, RTCP_HEADER = 8;
  constexpr uint32_t MAGIC_COOKIE = 0x2112a442, SCTP_HEADER = 12;
  constexpr uint32_t SCTP_PORTS = 5000u << 16 | 5000;  // both ends' port, as everybody has it without negotiation
  if (length < 2) return {0, Drop::TooShort};
  const uint8_t first = bytes[0];
  if (first < 4) {
    if (length < STUN_HEADER) return {KIND_STUN, Drop::TooShort};
    const bool whole = readU16(bytes + 2) == length - STUN_HEADER && length % 4 == 0;
    return {KIND_STUN, whole && readU32(bytes + 4) == MAGIC_COOKIE ? Drop::Count : Drop::StunMalformed};
  }
  if (first >= 20 && first <= 63) return {KIND_DTLS, length < DTLS_RECORD_HEADER ? Drop::TooShort : Drop::Count};
  if (first >= 128 && first <= 191) {
    const bool rtcp = bytes[1] >= 192 && bytes[1] <= 223;
    if (rtcp) return {KIND_RTCP, length < RTCP_HEADER ? Drop::TooShort : Drop::Count};
    return {KIND_RTP, length < RTP_HEADER ? Drop::TooShort : Drop::Count};
  }
  if (length >= SCTP_HEADER && readU32(bytes) == SCTP_PORTS) return {KIND_SCTP, Drop::Count};
  return {0, Drop::UnknownClass};
}

}  // namespace tertulia
