// DTLS 1.2 with use_srtp on the OpenSSL inside Node: one object per association, datagrams in and out in memory.
// Knows handshakes and keying material; does not know sockets, peers or whose certificate is the right one.
// Spec: RFC 6347, RFC 5764, RFC 8122 (fingerprints), RFC 8827 §6.5 (cipher suites, P-256).
#pragma once
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <deque>
#include <memory>
#include <string>
#include <vector>
#include "srtp.h"

namespace tertulia {

/// A browser's whole handshake is below 8 KiB in about ten datagrams. Whoever needs sixteen times that is refused.
constexpr size_t DTLS_HANDSHAKE_BYTES_MAX = 128 * 1024;
constexpr size_t DTLS_HANDSHAKE_DATAGRAMS_MAX = 512;
/// One certificate, with an RSA key at worst. OpenSSL buffers up to ten messages of this size while fragments are missing.
constexpr long DTLS_CERTIFICATES_BYTES_MAX = 16 * 1024;
/// RFC 6347 §4.2.4.1 begins with 1 s; WebRTC's round trips are far shorter, and a lost flight is a silent start of a call.
constexpr unsigned DTLS_FIRST_TIMEOUT_MICROS = 250'000;
constexpr unsigned DTLS_LONGEST_TIMEOUT_MICROS = 4'000'000;

template <typename T, void (*release)(T*)>
struct OpensslDeleter {
  void operator()(T* object) const { release(object); }
};
using Certificate = std::unique_ptr<X509, OpensslDeleter<X509, X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY, EVP_PKEY_free>>;
using SslContext = std::unique_ptr<SSL_CTX, OpensslDeleter<SSL_CTX, SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, OpensslDeleter<SSL, SSL_free>>;

class DtlsContext {
 public:
  /// Both texts, or neither: then a self-signed P-256 certificate is made.
  /// @return an empty string, or what is wrong
  std::string init(const std::string& certificatePem, const std::string& privateKeyPem);
  /// "AB:CD:…" for "sha-1" … "sha-512"; empty for an unknown algorithm.
  std::string fingerprint(const std::string& algorithm) const;
  SSL_CTX* get() const { return context_.get(); }

 private:
  Certificate certificate_;
  PrivateKey key_;
  SslContext context_;
};

class DtlsSession {
 public:
  enum class State : uint8_t { Connecting, Connected, Failed, Closed };

  DtlsSession() = default;
  ~DtlsSession() = default;
  DtlsSession(const DtlsSession&) = delete;
  DtlsSession& operator=(const DtlsSession&) = delete;

  bool init(const std::shared_ptr<DtlsContext>& context, bool server, unsigned mtu);
  void input(const uint8_t* datagram, size_t length);
  void handleTimeout();
  /// Milliseconds, at least 0; -1 when no timer runs.
  double timeoutMs() const;
  bool send(const uint8_t* data, size_t length);
  void close();

  State state() const { return state_; }
  const std::string& failure() const { return failure_; }
  std::string remoteFingerprint(const std::string& algorithm) const;
  /// Empty before the handshake is done.
  std::string remoteCertificatePem() const;
  SrtpProfile srtpProfile() const;
  /// Keys in RFC 5764 §4.2's order, seen from here. @return false before the handshake is done or without a profile.
  struct Keys {
    SrtpProfile profile;
    uint8_t receiveKey[32], receiveSalt[14], sendKey[32], sendSalt[14];
  };
  bool exportKeys(Keys& keys) const;

  std::vector<std::string> takeOutput() { return std::move(output_); }
  std::vector<std::string> takeApplicationData() { return std::move(applicationData_); }

 private:
  static BIO_METHOD* bioMethod();
  static int bioWrite(BIO* bio, const char* data, int length);
  static int bioRead(BIO* bio, char* out, int room);
  static long bioControl(BIO* bio, int command, long number, void* pointer);
  bool acceptable(const uint8_t* record, size_t left, size_t& length) const;
  void advance();
  void fail(const std::string& why);
  void failFromOpenssl(const char* during);

  std::shared_ptr<DtlsContext> context_;
  SslHandle ssl_;
  bool server_ = false;
  State state_ = State::Closed;
  std::string failure_;
  const uint8_t* reading_ = nullptr;  // the datagram that OpenSSL may take
  size_t readingLength_ = 0;
  size_t handshakeBytes_ = 0, handshakeDatagrams_ = 0;
  std::vector<std::string> output_, applicationData_;
};

}  // namespace tertulia
