#include "gcm.h"
#include <openssl/crypto.h>
#include "bytes.h"
#include "gcm_aesni.h"
#include "gcm_vaes.h"

namespace tertulia {

#if (defined(__x86_64__)) && (defined(__GNUC__) || defined(__clang__))
bool gcmCodeAvailable(GcmCode code) {
  __builtin_cpu_init();
  const bool aesNi = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  switch (code) {
    case GcmCode::AesNi:
      return aesNi;
    case GcmCode::Vaes:
      return aesNi && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi2") &&
             __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq");
    default:
      return true;
  }
}
#else
bool gcmCodeAvailable(GcmCode code) { return code == GcmCode::Evp; }
void prepareGcmKey(GcmKey&, const uint8_t*, size_t) {}
void sealAesNi(const GcmKey&, const GcmMessage&) {}
void sealVaes(const GcmKey&, const GcmMessage&) {}
#endif

GcmCode bestGcmCode() {
  static const GcmCode best = gcmCodeAvailable(GcmCode::Vaes)    ? GcmCode::Vaes
                              : gcmCodeAvailable(GcmCode::AesNi) ? GcmCode::AesNi
                                                                 : GcmCode::Evp;
  return best;
}

const char* gcmCodeName(GcmCode code) {
  return code == GcmCode::Vaes ? "vaes" : code == GcmCode::AesNi ? "aes-ni" : "evp";
}

// ---- libcrypto ----

bool EvpGcmSealer::init(const uint8_t* key, size_t keyBytes) {
  if (!context_) context_ = EVP_CIPHER_CTX_new();
  const EVP_CIPHER* cipher = keyBytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
  return context_ && EVP_EncryptInit_ex(context_, cipher, nullptr, key, nullptr) == 1;
}

bool EvpGcmSealer::seal(const GcmMessage& m) {
  // The key schedule stays in the context: only the IV is new.
  int written = 0;
  return EVP_EncryptInit_ex(context_, nullptr, nullptr, nullptr, m.iv) == 1 &&
         (m.aadLength == 0 || EVP_EncryptUpdate(context_, nullptr, &written, m.aad, static_cast<int>(m.aadLength)) == 1) &&
         (m.length == 0 || EVP_EncryptUpdate(context_, m.out, &written, m.in, static_cast<int>(m.length)) == 1) &&
         EVP_EncryptFinal_ex(context_, m.out, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, 16, m.tag) == 1;
}

// ---- whichever ----

GcmSealer::~GcmSealer() { OPENSSL_cleanse(&key_, sizeof key_); }

bool GcmSealer::init(const uint8_t* key, size_t keyBytes, GcmCode code) {
  code_ = code;
  if (code == GcmCode::Evp) return evp_.init(key, keyBytes);
  seal_ = code == GcmCode::Vaes ? sealVaes : sealAesNi;
  prepareGcmKey(key_, key, keyBytes);
  return true;
}

void GcmSealer::prefetch(size_t bytes) const {
  constexpr size_t LINE = 64, ROUND_KEY_LINES = 3;  // eleven round keys; a longer key finds its last four missing
  const auto* key = reinterpret_cast<const uint8_t*>(&key_);
  TERTULIA_PREFETCH(this);
  for (size_t line = 0; line < ROUND_KEY_LINES; line++) TERTULIA_PREFETCH(key + line * LINE);
  // A power for each block, the lengths' block, and one more because header and payload both end in a part.
  const size_t powers = bytes / 16 + 3 < GcmKey::POWERS ? bytes / 16 + 3 : GcmKey::POWERS;
  for (size_t back = LINE; back < powers * 16 + LINE; back += LINE) TERTULIA_PREFETCH(key + sizeof key_ - back);
}

}  // namespace tertulia
