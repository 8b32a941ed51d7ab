// SRTP and SRTCP: protects what goes out, opens what comes in. One object per direction and peer.
// Knows packets and keys; does not know SSRC state, replay lists or sockets (replay.h, peer.h).
// Usable from a plain C++ program: no N-API, no libuv, only libcrypto.
// Spec: RFC 3711 (AES-CM, key derivation, SRTCP), RFC 7714 (AES-GCM), RFC 6188 (derivation with 256-bit keys),
// RFC 5764 §4.1.2 (the _32 profile shortens the tag of RTP only). No MKI, key derivation rate 0, as DTLS-SRTP has it.
#pragma once
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <memory>
#include "arena.h"
#include "bytes.h"
#include "gcm.h"
#include "layout.h"

namespace tertulia {

/// Numbers are those of src/dtls.ts SRTP_PROFILES plus one.
enum class SrtpProfile : uint8_t { None = 0, AeadAes128Gcm, AeadAes256Gcm, AesCm128HmacSha1_80, AesCm128HmacSha1_32 };

struct SrtpProfileSizes {
  uint8_t key, salt, rtpTag, rtcpTag;
  bool aead;
};
constexpr SrtpProfileSizes SRTP_SIZES[] = {
    {0, 0, 0, 0, false}, {16, 12, 16, 16, true}, {32, 12, 16, 16, true}, {16, 14, 10, 10, false}, {16, 14, 4, 10, false},
};
inline const SrtpProfileSizes& sizes(SrtpProfile profile) { return SRTP_SIZES[static_cast<size_t>(profile)]; }

/// What protection adds at most: tag, and for SRTCP the index word.
constexpr size_t SRTP_OVERHEAD_MAX = 16;
constexpr size_t SRTCP_OVERHEAD_MAX = 20;
constexpr uint32_t SRTCP_INDEX_MASK = 0x7fffffff;

struct EvpContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using EvpContext = std::unique_ptr<EVP_CIPHER_CTX, EvpContextDeleter>;

/// RFC 3711 §4.3.1: `length` bytes of session key for `label`. `salt` has 14 bytes (AEAD: 12 and two zeros).
bool deriveSessionKey(const uint8_t* key, size_t keyBytes, const uint8_t* salt, uint8_t label, uint8_t* out, size_t length);

/// HMAC-SHA1 whose two padded keys are absorbed once.
class HmacSha1 {
 public:
  /// @param length at most 64 bytes, SHA-1's block
  void setKey(const uint8_t* key, size_t length = 20);
  /// The MAC of both pieces, as if they were one.
  void sign(const uint8_t* first, size_t firstLength, const uint8_t* second, size_t secondLength, uint8_t out[20]) const;

 private:
  SHA_CTX inner_, outer_;
};

/// Session keys of one of the two protocols, as derived from the master keys.
struct SrtpSessionBytes {
  uint8_t key[32] = {}, salt[14] = {}, authentication[20] = {};
  ~SrtpSessionBytes();  // wipes
};
struct SrtpSessionPair {
  SrtpSessionBytes rtp, rtcp;
};
bool deriveSessionKeys(SrtpProfile profile, const uint8_t* key, const uint8_t* salt, SrtpSessionPair& pair);

/// Salt, cipher and MAC of one of the two protocols (RTP or RTCP) in one direction.
struct SrtpSessionKeys {
  uint8_t salt[14] = {};
  HmacSha1 mac;
  EvpContext cipher;  // AES-CM in both directions; AES-GCM for opening
};

/// Without keys, SrtpProfile::None: packets go out as they are.
class SrtpSender : public InArena<SrtpSender> {
 public:
  /// @return false when libcrypto refuses (out of memory, FIPS rules).
  bool init(SrtpProfile profile, const uint8_t* key, const uint8_t* salt, GcmCode code);
  bool init(SrtpProfile profile, const SrtpSessionPair& keys, GcmCode code);

  /// The header is in `packet` already; the payload is encrypted from where it lies, behind it.
  /// `packet` has room for headerLength + payloadLength + SRTP_OVERHEAD_MAX.
  /// @return length of the SRTP packet, 0 when libcrypto failed.
  size_t protectRtp(uint8_t* packet, size_t headerLength, const uint8_t* payload, size_t payloadLength, uint32_t roc);

  /// A whole compound; needs length + SRTCP_OVERHEAD_MAX. `length` is at least 8.
  size_t protectRtcp(uint8_t* packet, const uint8_t* plain, size_t length, uint32_t index);

  /// Index of the next SRTCP packet; one counter for all SSRCs of a peer keeps every one of them rising.
  uint32_t takeRtcpIndex() { return rtcpIndex_++ & SRTCP_INDEX_MASK; }

  /// Asks the processor for what the next packet of so many bytes needs.
  void prefetch(size_t bytes) const {
    TERTULIA_PREFETCH(this);
    rtpGcm_.prefetch(bytes);
  }

 private:
  SrtpProfile profile_ = SrtpProfile::None;
  uint32_t rtcpIndex_ = 1;
  SrtpSessionKeys rtp_;  // beside the profile: AEAD reads its salt for each packet
  GcmSealer rtpGcm_;
  SrtpSessionKeys rtcp_;
  GcmSealer rtcpGcm_;
};

class SrtpReceiver {
 public:
  bool init(SrtpProfile profile, const uint8_t* key, const uint8_t* salt);
  bool init(SrtpProfile profile, const SrtpSessionPair& keys);

  size_t rtpTagBytes() const { return sizes(profile_).rtpTag; }
  /// Least bytes of an SRTCP packet: RTCP header, tag, index.
  size_t rtcpLeastBytes() const { return 8 + sizes(profile_).rtcpTag + 4; }
  /// Nothing is encrypted and nobody is authenticated.
  bool plain() const { return profile_ == SrtpProfile::None; }

  /// In place. @return plain length, 0 when the tag is wrong. A refused packet's bytes are worthless afterwards.
  size_t unprotectRtp(uint8_t* packet, size_t length, size_t headerLength, uint32_t roc);

  /// E bit and index of a packet of at least rtcpLeastBytes(); not authenticated yet.
  uint32_t rtcpIndexWord(const uint8_t* packet, size_t length) const;
  size_t unprotectRtcp(uint8_t* packet, size_t length);

 private:
  SrtpProfile profile_ = SrtpProfile::None;
  SrtpSessionKeys rtp_, rtcp_;
};

}  // namespace tertulia
