// AES-GCM encryption of short messages under a kept key. Decryption is libcrypto's alone (srtp.cc).
// libcrypto's own interface costs more per 100-byte packet than the cipher: it looks parameters up by name each time. So
// the packets that go out are sealed by code of ours where the processor has the instructions (gcm_aesni.h, gcm_vaes.h),
// chosen at run time, and by libcrypto everywhere else. The tests compare all of them on random messages.
// Usable from a plain C++ program: only libcrypto. Spec: NIST SP 800-38D, 96-bit IV, 128-bit tag.
#pragma once
#include <openssl/evp.h>
#include <cstddef>
#include <cstdint>

namespace tertulia {

enum class GcmCode : uint8_t { Evp, AesNi, Vaes };

/// Whether this machine can run it; Evp always.
bool gcmCodeAvailable(GcmCode code);
/// The quickest available.
GcmCode bestGcmCode();
const char* gcmCodeName(GcmCode code);

struct GcmMessage {
  const uint8_t* iv;  // 12 bytes
  const uint8_t* aad;
  size_t aadLength;
  const uint8_t* in;
  uint8_t* out;  // `in` and `out` are the same or do not overlap
  size_t length;
  uint8_t* tag;  // 16 bytes
};

class EvpGcmSealer {
 public:
  EvpGcmSealer() = default;
  ~EvpGcmSealer() { EVP_CIPHER_CTX_free(context_); }
  EvpGcmSealer(const EvpGcmSealer&) = delete;
  EvpGcmSealer& operator=(const EvpGcmSealer&) = delete;

  /// @param keyBytes 16 or 32
  bool init(const uint8_t* key, size_t keyBytes);
  /// @return false when libcrypto failed
  bool seal(const GcmMessage& message);

 private:
  EVP_CIPHER_CTX* context_ = nullptr;
};

/// Everything that the x86 codes read of a key, without pointers: eight cache lines. What a short message needs lies at
/// the two ends: round keys from the front, powers from the back.
struct alignas(64) GcmKey {
  static constexpr size_t POWERS = 16;
  uint32_t rounds;
  uint32_t unused[3];
  uint8_t roundKeys[15][16];
  uint8_t powers[POWERS][16];  // [i]: H to the power of 16 - i, times x, bytes reversed (see gcm_x86.h)
};
static_assert(sizeof(GcmKey) == 512, "eight cache lines");

class GcmSealer {
 public:
  GcmSealer() = default;
  ~GcmSealer();
  GcmSealer(const GcmSealer&) = delete;
  GcmSealer& operator=(const GcmSealer&) = delete;

  /// @param keyBytes 16 or 32 @param code one that gcmCodeAvailable() confirms
  bool init(const uint8_t* key, size_t keyBytes, GcmCode code);
  /// @return false when libcrypto failed
  bool seal(const GcmMessage& message) { return code_ == GcmCode::Evp ? evp_.seal(message) : (seal_(key_, message), true); }
  /// Asks the processor for what a message of so many bytes, associated data included, needs of the key.
  void prefetch(size_t bytes) const;

 private:
  void (*seal_)(const GcmKey& key, const GcmMessage& message) = nullptr;
  GcmCode code_ = GcmCode::Evp;
  EvpGcmSealer evp_;
  GcmKey key_ = {};
};

// gcm_aesni.h, gcm_vaes.h
void prepareGcmKey(GcmKey& key, const uint8_t* bytes, size_t keyBytes);
void sealAesNi(const GcmKey& key, const GcmMessage& message);
void sealVaes(const GcmKey& key, const GcmMessage& message);

}  // namespace tertulia
