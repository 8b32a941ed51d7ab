// The receivers' end of SRTP, AEAD_AES_128_GCM only: what the load generator needs to speak as a client.
// Written from RFC 3711 (key derivation, 4.3) and RFC 7714 (nonces 8.1 and 9.1, packet forms 8 and 9), apart from
// the engine's code, so that a mistake there cannot hide behind the same mistake here.
// Knows nothing of sockets. OpenSSL's functions come from the Node process that loads this module.
#pragma once
#include <openssl/evp.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bench {

inline void write16(uint8_t* to, uint32_t value) {
  to[0] = uint8_t(value >> 8);
  to[1] = uint8_t(value);
}
inline void write32(uint8_t* to, uint32_t value) {
  write16(to, value >> 16);
  write16(to + 2, value);
}
inline uint32_t read16(const uint8_t* from) { return uint32_t(from[0]) << 8 | from[1]; }
inline uint32_t read32(const uint8_t* from) { return read16(from) << 16 | read16(from + 2); }

inline std::vector<uint8_t> fromHex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(uint8_t(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

constexpr int TAG_BYTES = 16;

/// One direction of one endpoint: session keys for RTP and RTCP.
class ClientSrtp {
 public:
  ClientSrtp(const std::string& keyHex, const std::string& saltHex) {
    const auto key = fromHex(keyHex), salt = fromHex(saltHex);
    uint8_t rtpKey[16], rtcpKey[16];
    derive(key, salt, 0, rtpKey, 16);
    derive(key, salt, 2, rtpSalt_, 12);
    derive(key, salt, 3, rtcpKey, 16);
    derive(key, salt, 5, rtcpSalt_, 12);
    rtp_ = keyed(rtpKey);
    rtcp_ = keyed(rtcpKey);
  }

  /// Encrypts in place. `packet` must have room for the tag. Returns the new length.
  int protectRtp(uint8_t* packet, int headerBytes, int length, uint32_t rollover) {
    uint8_t nonce[12] = {};
    memcpy(nonce + 2, packet + 8, 4);
    write32(nonce + 6, rollover);
    memcpy(nonce + 10, packet + 2, 2);
    for (int i = 0; i < 12; i++) nonce[i] ^= rtpSalt_[i];
    int done;
    EVP_CipherInit_ex(rtp_, nullptr, nullptr, nullptr, nonce, 1);
    EVP_CipherUpdate(rtp_, nullptr, &done, packet, headerBytes);
    EVP_CipherUpdate(rtp_, packet + headerBytes, &done, packet + headerBytes, length - headerBytes);
    EVP_CipherFinal_ex(rtp_, packet + length, &done);
    EVP_CIPHER_CTX_ctrl(rtp_, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, packet + length);
    return length + TAG_BYTES;
  }

  /// Encrypts a compound in place, with this context's next index. Returns the new length.
  int protectRtcp(uint8_t* packet, int length) {
    const uint32_t index = nextRtcpIndex_++;
    uint8_t nonce[12], word[4];
    rtcpNonce(nonce, packet, index);
    write32(word, index | 0x80000000u);
    int done;
    EVP_CipherInit_ex(rtcp_, nullptr, nullptr, nullptr, nonce, 1);
    EVP_CipherUpdate(rtcp_, nullptr, &done, packet, 8);
    EVP_CipherUpdate(rtcp_, nullptr, &done, word, 4);
    EVP_CipherUpdate(rtcp_, packet + 8, &done, packet + 8, length - 8);
    EVP_CipherFinal_ex(rtcp_, packet + length, &done);
    EVP_CIPHER_CTX_ctrl(rtcp_, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, packet + length);
    memcpy(packet + length + TAG_BYTES, word, 4);
    return length + TAG_BYTES + 4;
  }

  /// Decrypts in place. Returns the plain length, or -1 when the packet is not genuine.
  int unprotectRtcp(uint8_t* packet, int length) {
    if (length < 8 + TAG_BYTES + 4) return -1;
    const int plain = length - TAG_BYTES - 4;
    const uint8_t* word = packet + length - 4;
    uint8_t nonce[12];
    rtcpNonce(nonce, packet, read32(word) & 0x7fffffffu);
    int done;
    EVP_CipherInit_ex(rtcp_, nullptr, nullptr, nullptr, nonce, 0);
    EVP_CIPHER_CTX_ctrl(rtcp_, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, packet + plain);
    EVP_CipherUpdate(rtcp_, nullptr, &done, packet, 8);
    EVP_CipherUpdate(rtcp_, nullptr, &done, word, 4);
    EVP_CipherUpdate(rtcp_, packet + 8, &done, packet + 8, plain - 8);
    uint8_t none[16];
    return EVP_CipherFinal_ex(rtcp_, none, &done) == 1 ? plain : -1;
  }

  /// Decrypts in place. Used on a sample of the packets only. Returns the plain length or -1.
  int unprotectRtp(uint8_t* packet, int headerBytes, int length, uint32_t rollover) {
    if (length < headerBytes + TAG_BYTES) return -1;
    const int plain = length - TAG_BYTES;
    uint8_t nonce[12] = {};
    memcpy(nonce + 2, packet + 8, 4);
    write32(nonce + 6, rollover);
    memcpy(nonce + 10, packet + 2, 2);
    for (int i = 0; i < 12; i++) nonce[i] ^= rtpSalt_[i];
    int done;
    EVP_CipherInit_ex(rtp_, nullptr, nullptr, nullptr, nonce, 0);
    EVP_CIPHER_CTX_ctrl(rtp_, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, packet + plain);
    EVP_CipherUpdate(rtp_, nullptr, &done, packet, headerBytes);
    EVP_CipherUpdate(rtp_, packet + headerBytes, &done, packet + headerBytes, plain - headerBytes);
    uint8_t none[16];
    return EVP_CipherFinal_ex(rtp_, none, &done) == 1 ? plain : -1;
  }

 private:
  /// RFC 3711 4.3.3: AES in counter mode over label and salt; a salt of 12 bytes is padded on the right.
  static void derive(const std::vector<uint8_t>& key, const std::vector<uint8_t>& salt, uint8_t label, uint8_t* to,
                     int bytes) {
    uint8_t block[16] = {}, zeros[16] = {}, out[16];
    memcpy(block, salt.data(), salt.size());
    block[7] ^= label;
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int done;
    EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), nullptr, key.data(), block);
    EVP_EncryptUpdate(context, out, &done, zeros, 16);
    EVP_CIPHER_CTX_free(context);
    memcpy(to, out, size_t(bytes));
  }
  static EVP_CIPHER_CTX* keyed(const uint8_t* key) {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    EVP_CipherInit_ex(context, EVP_aes_128_gcm(), nullptr, key, nullptr, 1);
    return context;
  }
  void rtcpNonce(uint8_t* nonce, const uint8_t* packet, uint32_t index) const {
    memset(nonce, 0, 12);
    memcpy(nonce + 2, packet + 4, 4);
    write32(nonce + 8, index);
    for (int i = 0; i < 12; i++) nonce[i] ^= rtcpSalt_[i];
  }

  EVP_CIPHER_CTX* rtp_;
  EVP_CIPHER_CTX* rtcp_;
  uint8_t rtpSalt_[12], rtcpSalt_[12];
  uint32_t nextRtcpIndex_ = 1;
};

}  // namespace bench
