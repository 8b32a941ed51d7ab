// Certificates, fingerprints and the settings that all associations share.
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include "dtls.h"

namespace tertulia {
namespace {

using Bio = std::unique_ptr<BIO, OpensslDeleter<BIO, BIO_free_all>>;

// RFC 8827 §6.5 wants the first. All have forward secrecy, authentication and an AEAD: NULL, anonymous, static-RSA and
// CBC suites can never be agreed on, and acceptable() in dtls.cc knows the shortest record of each.
constexpr const char* CIPHERS =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* GROUPS = "X25519:P-256:P-384";
constexpr const char* PROFILES =
    "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";
// Long enough for a process that runs for months, short as W3C webrtc-pc asks (at most a year).
constexpr long VALID_SECONDS = 365 * 24 * 3600;
// Browsers' clocks are sometimes a day behind.
constexpr long VALID_SINCE_SECONDS = -24 * 3600;

const EVP_MD* digestOf(const std::string& algorithm) {
  if (algorithm == "sha-1") return EVP_sha1();
  if (algorithm == "sha-224") return EVP_sha224();
  if (algorithm == "sha-256") return EVP_sha256();
  if (algorithm == "sha-384") return EVP_sha384();
  if (algorithm == "sha-512") return EVP_sha512();
  return nullptr;
}

std::string fingerprintOf(const X509* certificate, const std::string& algorithm) {
  static const char HEX[] = "0123456789ABCDEF";
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const EVP_MD* method = digestOf(algorithm);
  if (!method || X509_digest(certificate, method, digest, &length) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < length; i++) {
    if (i > 0) text += ':';
    text += HEX[digest[i] >> 4];
    text += HEX[digest[i] & 15];
  }
  return text;
}

bool selfSign(Certificate& certificate, PrivateKey& key) {
  key.reset(EVP_EC_gen("P-256"));
  certificate.reset(X509_new());
  if (!key || !certificate) return false;
  X509* x = certificate.get();
  uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<uint8_t*>(&serial), sizeof serial);
  X509_NAME* name = X509_get_subject_name(x);
  return X509_set_version(x, 2) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(x), VALID_SINCE_SECONDS) && X509_gmtime_adj(X509_getm_notAfter(x), VALID_SECONDS) &&
         X509_set_pubkey(x, key.get()) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const uint8_t*>("WebRTC"), -1, -1, 0) == 1 &&
         X509_set_issuer_name(x, name) == 1 && X509_sign(x, key.get(), EVP_sha256()) > 0;
}

}  // namespace

std::string DtlsContext::init(const std::string& certificatePem, const std::string& privateKeyPem) {
  ERR_clear_error();
  if (certificatePem.empty()) {
    if (!selfSign(certificate_, key_)) return "a self-signed certificate could not be made";
  } else {
    Bio certificateBio(BIO_new_mem_buf(certificatePem.data(), static_cast<int>(certificatePem.size())));
    Bio keyBio(BIO_new_mem_buf(privateKeyPem.data(), static_cast<int>(privateKeyPem.size())));
    const auto noPassphrase = [](char*, int, int, void*) { return -1; };
    certificate_.reset(PEM_read_bio_X509(certificateBio.get(), nullptr, noPassphrase, nullptr));
    key_.reset(PEM_read_bio_PrivateKey(keyBio.get(), nullptr, noPassphrase, nullptr));
    ERR_clear_error();
    if (!certificate_) return "the certificate is no PEM text of an X.509 certificate";
    if (!key_) return "the private key is no PEM text of a key, or it has a passphrase";
  }
  context_.reset(SSL_CTX_new(DTLS_method()));
  SSL_CTX* context = context_.get();
  if (!context) return "libssl has no DTLS";
  SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION);
  // RFC 8827: both sides show a certificate. Any is accepted here; the caller compares its fingerprint.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, [](int, X509_STORE_CTX*) { return 1; });
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU | SSL_OP_SINGLE_ECDH_USE |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_max_cert_list(context, DTLS_CERTIFICATES_BYTES_MAX);
  SSL_CTX_set_read_ahead(context, 1);
  const bool good = SSL_CTX_set_cipher_list(context, CIPHERS) == 1 && SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
                    SSL_CTX_set_tlsext_use_srtp(context, PROFILES) == 0 &&
                    SSL_CTX_use_certificate(context, certificate_.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(context, key_.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  return good ? "" : "the private key does not belong to the certificate";
}

std::string DtlsContext::fingerprint(const std::string& algorithm) const {
  return fingerprintOf(certificate_.get(), algorithm);
}

std::string DtlsSession::remoteFingerprint(const std::string& algorithm) const {
  if (!ssl_ || state_ == State::Connecting) return {};
  const Certificate certificate(SSL_get1_peer_certificate(ssl_.get()));
  return certificate ? fingerprintOf(certificate.get(), algorithm) : std::string();
}

std::string DtlsSession::remoteCertificatePem() const {
  if (!ssl_ || state_ == State::Connecting) return {};
  const Certificate certificate(SSL_get1_peer_certificate(ssl_.get()));
  const std::unique_ptr<BIO, OpensslDeleter<BIO, BIO_free_all>> text(certificate ? BIO_new(BIO_s_mem()) : nullptr);
  if (!text || PEM_write_bio_X509(text.get(), certificate.get()) != 1) return {};
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(text.get(), &bytes);
  return length > 0 ? std::string(bytes, static_cast<size_t>(length)) : std::string();
}

}  // namespace tertulia
