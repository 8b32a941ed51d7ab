#include "gcm.h"

namespace tertulia {

bool gcmCodeAvailable(GcmCode code) { return code == GcmCode::Evp; }
GcmCode bestGcmCode() { return GcmCode::Evp; }
const char* gcmCodeName(GcmCode code) {
  return code == GcmCode::Vaes ? "vaes" : code == GcmCode::AesNi ? "aes-ni" : "evp";
}

GcmSealer::~GcmSealer() { EVP_CIPHER_CTX_free(evp_); }

bool GcmSealer::init(const uint8_t* key, size_t keyBytes, GcmCode) {
  if (!evp_) evp_ = EVP_CIPHER_CTX_new();
  const EVP_CIPHER* cipher = keyBytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
  return evp_ && EVP_EncryptInit_ex(evp_, cipher, nullptr, key, nullptr) == 1;
}

bool GcmSealer::seal(const uint8_t iv[12], const uint8_t* aad, size_t aadLength, const uint8_t* in, uint8_t* out,
                     size_t length, uint8_t tag[16]) {
  // The key schedule stays in the context: only the IV is new.
  int written = 0;
  return EVP_EncryptInit_ex(evp_, nullptr, nullptr, nullptr, iv) == 1 &&
         (aadLength == 0 || EVP_EncryptUpdate(evp_, nullptr, &written, aad, static_cast<int>(aadLength)) == 1) &&
         (length == 0 || EVP_EncryptUpdate(evp_, out, &written, in, static_cast<int>(length)) == 1) &&
         EVP_EncryptFinal_ex(evp_, out, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(evp_, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
}

}  // namespace tertulia
