// AES-GCM encryption of short messages under a kept key. Decryption is libcrypto's alone (srtp.cc).
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

class GcmSealer {
 public:
  GcmSealer() = default;
  ~GcmSealer();
  GcmSealer(const GcmSealer&) = delete;
  GcmSealer& operator=(const GcmSealer&) = delete;

  /// @param keyBytes 16 or 32
  bool init(const uint8_t* key, size_t keyBytes, GcmCode code);
  /// `in` and `out` are the same or do not overlap. @return false when libcrypto failed.
  bool seal(const uint8_t iv[12], const uint8_t* aad, size_t aadLength, const uint8_t* in, uint8_t* out, size_t length,
            uint8_t tag[16]);
  void prefetch() const {}

 private:
  EVP_CIPHER_CTX* evp_ = nullptr;
};

}  // namespace tertulia
