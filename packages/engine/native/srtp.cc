#include "srtp.h"
#include <openssl/crypto.h>
#include "bytes.h"

namespace tertulia {
namespace {

// RFC 3711 §4.3.2
enum Label : uint8_t { RTP_ENCRYPTION = 0, RTP_AUTHENTICATION = 1, RTP_SALT = 2 };
constexpr uint8_t RTCP_LABELS = 3;  // the same three, for SRTCP
constexpr uint32_t SRTCP_ENCRYPTED = 0x80000000;

const EVP_CIPHER* counterCipher(size_t keyBytes) { return keyBytes == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(); }
const EVP_CIPHER* gcmCipher(size_t keyBytes) { return keyBytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(); }

/// RFC 7714 §8.1: 00 00 | SSRC | ROC | sequence, xor salt. SRTCP (§9.1): 00 00 | SSRC | 00 00 | index.
void gcmIv(uint8_t iv[12], const uint8_t* salt, uint32_t ssrc, uint32_t high, uint16_t low) {
  iv[0] = iv[1] = 0;
  writeU32(iv + 2, ssrc);
  writeU32(iv + 6, high);
  writeU16(iv + 10, low);
  for (int i = 0; i < 12; i++) iv[i] ^= salt[i];
}
void rtcpGcmIv(uint8_t iv[12], const uint8_t* salt, uint32_t ssrc, uint32_t index) {
  gcmIv(iv, salt, ssrc, index >> 16, static_cast<uint16_t>(index));
}

/// RFC 3711 §4.1.1: salt * 2^16 xor SSRC * 2^64 xor index * 2^16, the index having 48 bits.
void counterIv(uint8_t iv[16], const uint8_t* salt, uint32_t ssrc, uint32_t indexHigh, uint16_t indexLow) {
  uint8_t mixed[10];
  writeU32(mixed, ssrc);
  writeU32(mixed + 4, indexHigh);
  writeU16(mixed + 8, indexLow);
  memcpy(iv, salt, 14);
  iv[14] = iv[15] = 0;
  for (int i = 0; i < 10; i++) iv[4 + i] ^= mixed[i];
}
void rtcpCounterIv(uint8_t iv[16], const uint8_t* salt, uint32_t ssrc, uint32_t index) {
  counterIv(iv, salt, ssrc, index >> 16, static_cast<uint16_t>(index));
}

bool countedCrypt(EVP_CIPHER_CTX* context, const uint8_t* iv, const uint8_t* in, uint8_t* out, size_t length) {
  int written = 0;
  return EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, iv, -1) == 1 &&
         (length == 0 || EVP_CipherUpdate(context, out, &written, in, static_cast<int>(length)) == 1);
}

/// Two pieces of associated data, because SRTCP's index stands behind the tag.
bool gcmOpen(EVP_CIPHER_CTX* context, const uint8_t* iv, const uint8_t* aad, size_t aadLength, const uint8_t* moreAad,
             size_t moreAadLength, uint8_t* bytes, size_t length, const uint8_t* tag) {
  int written = 0;
  uint8_t expected[16], none[16];
  memcpy(expected, tag, sizeof expected);
  if (EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, iv, 0) != 1) return false;
  if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, expected) != 1) return false;
  if (EVP_CipherUpdate(context, nullptr, &written, aad, static_cast<int>(aadLength)) != 1) return false;
  if (moreAadLength && EVP_CipherUpdate(context, nullptr, &written, moreAad, static_cast<int>(moreAadLength)) != 1) {
    return false;
  }
  if (length && EVP_CipherUpdate(context, bytes, &written, bytes, static_cast<int>(length)) != 1) return false;
  return EVP_CipherFinal_ex(context, none, &written) == 1;
}

bool derivePart(SrtpProfile profile, const uint8_t* key, const uint8_t* salt, uint8_t labels, SrtpSessionBytes& session) {
  const SrtpProfileSizes& size = sizes(profile);
  uint8_t padded[14] = {};
  memcpy(padded, salt, size.salt);
  return deriveSessionKey(key, size.key, padded, labels + RTP_ENCRYPTION, session.key, size.key) &&
         deriveSessionKey(key, size.key, padded, labels + RTP_SALT, session.salt, size.salt) &&
         (size.aead || deriveSessionKey(key, size.key, padded, labels + RTP_AUTHENTICATION, session.authentication, 20));
}

/// @param opening makes the AES-GCM context; for sealing there is gcm.h
bool install(SrtpSessionKeys& session, SrtpProfile profile, const SrtpSessionBytes& bytes, bool opening) {
  const SrtpProfileSizes& size = sizes(profile);
  memcpy(session.salt, bytes.salt, size.salt);
  if (size.aead && !opening) return true;
  session.cipher.reset(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = size.aead ? gcmCipher(size.key) : counterCipher(size.key);
  if (!session.cipher) return false;
  if (!size.aead) session.mac.setKey(bytes.authentication);
  return EVP_CipherInit_ex(session.cipher.get(), cipher, nullptr, bytes.key, nullptr, size.aead ? 0 : 1) == 1;
}

}  // namespace

bool deriveSessionKey(const uint8_t* key, size_t keyBytes, const uint8_t* salt, uint8_t label, uint8_t* out, size_t length) {
  uint8_t iv[16] = {}, zeros[32] = {};
  if (length > sizeof zeros) return false;
  memcpy(iv, salt, 14);
  iv[7] ^= label;
  EvpContext context(EVP_CIPHER_CTX_new());
  return context && EVP_CipherInit_ex(context.get(), counterCipher(keyBytes), nullptr, key, iv, 1) == 1 &&
         countedCrypt(context.get(), iv, zeros, out, length);
}

SrtpSessionBytes::~SrtpSessionBytes() { OPENSSL_cleanse(this, sizeof *this); }

bool deriveSessionKeys(SrtpProfile profile, const uint8_t* key, const uint8_t* salt, SrtpSessionPair& pair) {
  return profile != SrtpProfile::None && derivePart(profile, key, salt, 0, pair.rtp) &&
         derivePart(profile, key, salt, RTCP_LABELS, pair.rtcp);
}

void HmacSha1::setKey(const uint8_t* key, size_t length) {
  uint8_t pad[64];
  memset(pad, 0x36, sizeof pad);
  for (size_t i = 0; i < length && i < sizeof pad; i++) pad[i] ^= key[i];
  SHA1_Init(&inner_);
  SHA1_Update(&inner_, pad, sizeof pad);
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
  SHA1_Init(&outer_);
  SHA1_Update(&outer_, pad, sizeof pad);
  OPENSSL_cleanse(pad, sizeof pad);
}

void HmacSha1::sign(const uint8_t* first, size_t firstLength, const uint8_t* second, size_t secondLength,
                    uint8_t out[20]) const {
  SHA_CTX hash = inner_;
  SHA1_Update(&hash, first, firstLength);
  SHA1_Update(&hash, second, secondLength);
  SHA1_Final(out, &hash);
  hash = outer_;
  SHA1_Update(&hash, out, 20);
  SHA1_Final(out, &hash);
}

// ---- sending ----

bool SrtpSender::init(SrtpProfile profile, const uint8_t* key, const uint8_t* salt, GcmCode code) {
  SrtpSessionPair keys;
  return deriveSessionKeys(profile, key, salt, keys) && init(profile, keys, code);
}

bool SrtpSender::init(SrtpProfile profile, const SrtpSessionPair& keys, GcmCode code) {
  const SrtpProfileSizes& size = sizes(profile);
  if (!install(rtp_, profile, keys.rtp, false) || !install(rtcp_, profile, keys.rtcp, false)) return false;
  if (size.aead && !(rtpGcm_.init(keys.rtp.key, size.key, code) && rtcpGcm_.init(keys.rtcp.key, size.key, code))) return false;
  profile_ = profile;
  return true;
}

size_t SrtpSender::protectRtp(uint8_t* packet, size_t headerLength, const uint8_t* payload, size_t payloadLength,
                              uint32_t roc) {
  const SrtpProfileSizes& size = sizes(profile_);
  const uint32_t ssrc = readU32(packet + 8);
  const uint16_t sequence = readU16(packet + 2);
  uint8_t* body = packet + headerLength;
  uint8_t* tag = body + payloadLength;
  if (profile_ == SrtpProfile::None) {
    if (payload != body) memmove(body, payload, payloadLength);
    return headerLength + payloadLength;
  }
  if (size.aead) {
    uint8_t iv[12];
    gcmIv(iv, rtp_.salt, ssrc, roc, sequence);
    if (!rtpGcm_.seal({iv, packet, headerLength, payload, body, payloadLength, tag})) return 0;
  } else {
    uint8_t iv[16], mac[20], rocBytes[4];
    counterIv(iv, rtp_.salt, ssrc, roc, sequence);
    if (!countedCrypt(rtp_.cipher.get(), iv, payload, body, payloadLength)) return 0;
    writeU32(rocBytes, roc);
    rtp_.mac.sign(packet, headerLength + payloadLength, rocBytes, sizeof rocBytes, mac);
    memcpy(tag, mac, size.rtpTag);
  }
  return headerLength + payloadLength + size.rtpTag;
}

size_t SrtpSender::protectRtcp(uint8_t* packet, const uint8_t* plain, size_t length, uint32_t index) {
  constexpr size_t CLEAR = 8;  // first header and sender's SSRC
  const SrtpProfileSizes& size = sizes(profile_);
  if (profile_ == SrtpProfile::None) {
    memcpy(packet, plain, length);
    return length;
  }
  const uint32_t ssrc = readU32(plain + 4);
  uint8_t indexWord[4];
  writeU32(indexWord, index | SRTCP_ENCRYPTED);
  memcpy(packet, plain, CLEAR);
  uint8_t* end = packet + length;
  if (size.aead) {
    uint8_t iv[12], aad[CLEAR + 4];
    rtcpGcmIv(iv, rtcp_.salt, ssrc, index);
    memcpy(aad, plain, CLEAR);
    memcpy(aad + CLEAR, indexWord, 4);
    if (!rtcpGcm_.seal({iv, aad, sizeof aad, plain + CLEAR, packet + CLEAR, length - CLEAR, end})) return 0;
    memcpy(end + size.rtcpTag, indexWord, 4);
  } else {
    uint8_t iv[16], mac[20];
    rtcpCounterIv(iv, rtcp_.salt, ssrc, index);
    if (!countedCrypt(rtcp_.cipher.get(), iv, plain + CLEAR, packet + CLEAR, length - CLEAR)) return 0;
    memcpy(end, indexWord, 4);
    rtcp_.mac.sign(packet, length, indexWord, 4, mac);
    memcpy(end + 4, mac, size.rtcpTag);
  }
  return length + 4 + size.rtcpTag;
}

// ---- receiving ----

bool SrtpReceiver::init(SrtpProfile profile, const uint8_t* key, const uint8_t* salt) {
  SrtpSessionPair keys;
  return deriveSessionKeys(profile, key, salt, keys) && init(profile, keys);
}

bool SrtpReceiver::init(SrtpProfile profile, const SrtpSessionPair& keys) {
  if (!install(rtp_, profile, keys.rtp, true) || !install(rtcp_, profile, keys.rtcp, true)) return false;
  profile_ = profile;
  return true;
}

size_t SrtpReceiver::unprotectRtp(uint8_t* packet, size_t length, size_t headerLength, uint32_t roc) {
  const SrtpProfileSizes& size = sizes(profile_);
  if (length < headerLength + size.rtpTag) return 0;
  const uint32_t ssrc = readU32(packet + 8);
  const uint16_t sequence = readU16(packet + 2);
  const size_t plain = length - size.rtpTag;
  uint8_t* body = packet + headerLength;
  if (size.aead) {
    uint8_t iv[12];
    gcmIv(iv, rtp_.salt, ssrc, roc, sequence);
    return gcmOpen(rtp_.cipher.get(), iv, packet, headerLength, nullptr, 0, body, plain - headerLength, packet + plain)
               ? plain
               : 0;
  }
  uint8_t iv[16], mac[20], rocBytes[4];
  writeU32(rocBytes, roc);
  rtp_.mac.sign(packet, plain, rocBytes, sizeof rocBytes, mac);
  if (CRYPTO_memcmp(mac, packet + plain, size.rtpTag) != 0) return 0;
  counterIv(iv, rtp_.salt, ssrc, roc, sequence);
  return countedCrypt(rtp_.cipher.get(), iv, body, body, plain - headerLength) ? plain : 0;
}

uint32_t SrtpReceiver::rtcpIndexWord(const uint8_t* packet, size_t length) const {
  // AEAD: body, tag, index (RFC 7714 §9.2). AES-CM: body, index, tag (RFC 3711 §3.4).
  return readU32(packet + length - 4 - (sizes(profile_).aead ? 0 : sizes(profile_).rtcpTag));
}

size_t SrtpReceiver::unprotectRtcp(uint8_t* packet, size_t length) {
  constexpr size_t CLEAR = 8;
  const SrtpProfileSizes& size = sizes(profile_);
  if (length < rtcpLeastBytes()) return 0;
  const uint32_t ssrc = readU32(packet + 4);
  const uint32_t index = rtcpIndexWord(packet, length) & SRTCP_INDEX_MASK;
  const size_t plain = length - size.rtcpTag - 4;
  if (size.aead) {
    uint8_t iv[12];
    rtcpGcmIv(iv, rtcp_.salt, ssrc, index);
    return gcmOpen(rtcp_.cipher.get(), iv, packet, CLEAR, packet + length - 4, 4, packet + CLEAR, plain - CLEAR,
                   packet + plain)
               ? plain
               : 0;
  }
  uint8_t iv[16], mac[20];
  rtcp_.mac.sign(packet, plain, packet + plain, 4, mac);
  if (CRYPTO_memcmp(mac, packet + plain + 4, size.rtcpTag) != 0) return 0;
  rtcpCounterIv(iv, rtcp_.salt, ssrc, index);
  return countedCrypt(rtcp_.cipher.get(), iv, packet + CLEAR, packet + CLEAR, plain - CLEAR) ? plain : 0;
}

}  // namespace tertulia
