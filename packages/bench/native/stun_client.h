// A Chromium-like connectivity check: binding request of RFC 8489 with the attributes of RFC 8445 7.1.
// Knows nothing of sockets or time. HMAC comes from OpenSSL inside Node.
#pragma once
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "srtp_client.h"

namespace bench {

/// CRC-32 of ITU V.42, as FINGERPRINT wants it (RFC 8489 14.7).
inline uint32_t crc32(const uint8_t* bytes, int length) {
  static uint32_t table[256];
  if (table[1] == 0)
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
      table[i] = value;
    }
  uint32_t crc = 0xffffffffu;
  for (int i = 0; i < length; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
  return crc ^ 0xffffffffu;
}

/// Writes a request into `to` (at least 256 bytes). `username` is "remote:local". Returns its length.
inline int writeCheck(uint8_t* to, const std::string& username, const std::string& password, const uint8_t* transaction,
                      uint64_t tieBreaker) {
  constexpr int USERNAME = 0x0006, MESSAGE_INTEGRITY = 0x0008, PRIORITY = 0x0024, USE_CANDIDATE = 0x0025,
                FINGERPRINT = 0x8028, ICE_CONTROLLING = 0x802a;
  write16(to, 0x0001);
  write32(to + 4, 0x2112a442u);
  memcpy(to + 8, transaction, 12);
  int at = 20;
  const auto attribute = [&](int type, int length) {
    write16(to + at, uint32_t(type));
    write16(to + at + 2, uint32_t(length));
    uint8_t* value = to + at + 4;
    at += 4 + (length + 3) / 4 * 4;
    return value;
  };
  const int usernameLength = int(username.size());
  memset(to + at, 0, size_t(usernameLength) + 8);
  memcpy(attribute(USERNAME, usernameLength), username.data(), username.size());
  uint8_t* controlling = attribute(ICE_CONTROLLING, 8);
  write32(controlling, uint32_t(tieBreaker >> 32));
  write32(controlling + 4, uint32_t(tieBreaker));
  attribute(USE_CANDIDATE, 0);
  write32(attribute(PRIORITY, 4), 1853824767u);  // host candidate of type preference 110, peer reflexive
  write16(to + 2, uint32_t(at + 24 - 20));       // the length counts MESSAGE-INTEGRITY while it is computed
  unsigned int macLength = 20;
  uint8_t mac[20];
  HMAC(EVP_sha1(), password.data(), int(password.size()), to, size_t(at), mac, &macLength);
  memcpy(attribute(MESSAGE_INTEGRITY, 20), mac, 20);
  write16(to + 2, uint32_t(at + 8 - 20));
  const uint32_t crc = crc32(to, at) ^ 0x5354554eu;
  write32(attribute(FINGERPRINT, 4), crc);
  return at;
}

}  // namespace bench
