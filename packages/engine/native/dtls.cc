#include "dtls.h"
#include <openssl/err.h>
#include "bytes.h"

namespace tertulia {
namespace {

constexpr size_t RECORD_HEADER = 13;
constexpr size_t MESSAGE_HEADER = 12;
enum ContentType : uint8_t { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 };

// What a cipher adds at least. libssl ends the association when a record is shorter, though anybody can forge one.
constexpr size_t GCM_RECORD_LEAST = 8 + 16;  // explicit nonce, tag (RFC 5288 §3)
constexpr size_t CHACHA_RECORD_LEAST = 16;   // tag (RFC 7905)

uint32_t readU24(const uint8_t* p) { return static_cast<uint32_t>(p[0]) << 16 | readU16(p + 1); }

/// Fragments that hold something and lie inside their message. An empty one of a longer message would end the handshake
/// in libssl.
bool sensibleFragments(const uint8_t* body, size_t left) {
  while (left > 0) {
    if (left < MESSAGE_HEADER) return false;
    const uint32_t total = readU24(body + 1), offset = readU24(body + 6), length = readU24(body + 9);
    if (length > left - MESSAGE_HEADER || offset + length > total || (length == 0 && total > 0)) return false;
    body += MESSAGE_HEADER + length;
    left -= MESSAGE_HEADER + length;
  }
  return true;
}

}  // namespace

/// Whether the record at the datagram's start is one that libssl may see; `length` becomes its size, 0 when it has none.
/// After the handshake only protected records (epoch 1) count: a plaintext alert or a second hello comes from anybody.
bool DtlsSession::acceptable(const uint8_t* record, size_t left, size_t& length) const {
  length = 0;
  if (left < RECORD_HEADER || RECORD_HEADER + readU16(record + 11) > left) return false;
  const size_t bodyLength = readU16(record + 11);
  length = RECORD_HEADER + bodyLength;
  const uint8_t type = record[0];
  if (record[1] != 0xfe || type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA) return false;
  if (readU16(record + 3) == 0) {
    if (state_ == State::Connected || type == APPLICATION_DATA) return false;
    return type != HANDSHAKE || (bodyLength > 0 && sensibleFragments(record + RECORD_HEADER, bodyLength));
  }
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  const bool chacha = cipher && SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305;
  return bodyLength >= (chacha ? CHACHA_RECORD_LEAST : GCM_RECORD_LEAST);
}

// ---- the BIO: one read is one datagram, one write is one datagram (a memory BIO would glue them together) ----

BIO_METHOD* DtlsSession::bioMethod() {
  static BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams in memory");
    BIO_meth_set_write(made, bioWrite);
    BIO_meth_set_read(made, bioRead);
    BIO_meth_set_ctrl(made, bioControl);
    BIO_meth_set_create(made, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    return made;
  }();
  return method;
}

int DtlsSession::bioWrite(BIO* bio, const char* data, int length) {
  static_cast<DtlsSession*>(BIO_get_data(bio))->output_.emplace_back(data, static_cast<size_t>(length));
  return length;
}

int DtlsSession::bioRead(BIO* bio, char* out, int room) {
  DtlsSession& session = *static_cast<DtlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (!session.reading_) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t length = session.readingLength_ < static_cast<size_t>(room) ? session.readingLength_ : static_cast<size_t>(room);
  memcpy(out, session.reading_, length);
  session.reading_ = nullptr;
  return static_cast<int>(length);
}

long DtlsSession::bioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// ---- the association ----

bool DtlsSession::init(const std::shared_ptr<DtlsContext>& context, bool server, unsigned mtu) {
  context_ = context;
  server_ = server;
  ERR_clear_error();
  ssl_.reset(SSL_new(context->get()));
  BIO* bio = BIO_new(bioMethod());
  if (!ssl_ || !bio) {
    BIO_free(bio);
    ssl_.reset();
    return false;
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mtu(ssl_.get(), mtu);
  DTLS_set_timer_cb(ssl_.get(), [](SSL*, unsigned micros) {
    if (micros == 0) return DTLS_FIRST_TIMEOUT_MICROS;
    return micros * 2 < DTLS_LONGEST_TIMEOUT_MICROS ? micros * 2 : DTLS_LONGEST_TIMEOUT_MICROS;
  });
  state_ = State::Connecting;
  if (server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    advance();
  }
  return state_ == State::Connecting;
}

void DtlsSession::input(const uint8_t* datagram, size_t length) {
  if (state_ != State::Connecting && state_ != State::Connected) return;
  if (state_ == State::Connecting) {
    handshakeBytes_ += length;
    handshakeDatagrams_++;
    if (handshakeBytes_ > DTLS_HANDSHAKE_BYTES_MAX || handshakeDatagrams_ > DTLS_HANDSHAKE_DATAGRAMS_MAX) {
      fail("the handshake is too long");
      return;
    }
  }
  // Record by record: what may be heard changes when the handshake ends in the middle of a datagram.
  for (size_t at = 0, record = 0; at < length; at += record) {
    const bool wanted = acceptable(datagram + at, length - at, record);
    if (record == 0) return;  // no way to find the next one
    if (!wanted) continue;
    reading_ = datagram + at;
    readingLength_ = record;
    advance();
    reading_ = nullptr;
    if (state_ != State::Connecting && state_ != State::Connected) return;
  }
}

void DtlsSession::advance() {
  ERR_clear_error();
  if (state_ == State::Connecting) {
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1) {
      const int error = SSL_get_error(ssl_.get(), result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) failFromOpenssl("handshake");
      return;
    }
    state_ = State::Connected;
  }
  uint8_t buffer[SSL3_RT_MAX_PLAIN_LENGTH];
  for (;;) {
    const int got = SSL_read(ssl_.get(), buffer, sizeof buffer);
    if (got > 0) {
      applicationData_.emplace_back(reinterpret_cast<char*>(buffer), static_cast<size_t>(got));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    if (error == SSL_ERROR_ZERO_RETURN) {
      state_ = State::Closed;
    } else {
      failFromOpenssl("connection");
    }
    return;
  }
}

void DtlsSession::handleTimeout() {
  if (state_ != State::Connecting && state_ != State::Connected) return;
  ERR_clear_error();
  if (DTLSv1_handle_timeout(ssl_.get()) < 0) {
    ERR_clear_error();
    fail("the other side does not answer");
  }
}

double DtlsSession::timeoutMs() const {
  timeval left;
  if (state_ != State::Connecting && state_ != State::Connected) return -1;
  if (!DTLSv1_get_timeout(ssl_.get(), &left)) return -1;
  return static_cast<double>(left.tv_sec) * 1000 + static_cast<double>(left.tv_usec) / 1000;
}

bool DtlsSession::send(const uint8_t* data, size_t length) {
  if (state_ != State::Connected || length == 0 || length > SSL3_RT_MAX_PLAIN_LENGTH) return false;
  ERR_clear_error();
  return SSL_write(ssl_.get(), data, static_cast<int>(length)) == static_cast<int>(length);
}

void DtlsSession::close() {
  if (state_ == State::Connected) SSL_shutdown(ssl_.get());
  if (state_ == State::Connecting || state_ == State::Connected) state_ = State::Closed;
  ERR_clear_error();
}

void DtlsSession::fail(const std::string& why) {
  state_ = State::Failed;
  failure_ = why;
}

void DtlsSession::failFromOpenssl(const char* during) {
  const unsigned long error = ERR_peek_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  fail(std::string(during) + ": " + (reason ? reason : "ended by the other side"));
  ERR_clear_error();
}

// ---- keys ----

SrtpProfile DtlsSession::srtpProfile() const {
  if (!ssl_ || state_ != State::Connected) return SrtpProfile::None;
  const SRTP_PROTECTION_PROFILE* selected = SSL_get_selected_srtp_profile(ssl_.get());
  switch (selected ? selected->id : 0) {
    case SRTP_AEAD_AES_128_GCM:
      return SrtpProfile::AeadAes128Gcm;
    case SRTP_AEAD_AES_256_GCM:
      return SrtpProfile::AeadAes256Gcm;
    case SRTP_AES128_CM_SHA1_80:
      return SrtpProfile::AesCm128HmacSha1_80;
    case SRTP_AES128_CM_SHA1_32:
      return SrtpProfile::AesCm128HmacSha1_32;
    default:
      return SrtpProfile::None;
  }
}

bool DtlsSession::exportKeys(Keys& keys) const {
  static const char LABEL[] = "EXTRACTOR-dtls_srtp";
  keys.profile = srtpProfile();
  if (keys.profile == SrtpProfile::None) return false;
  const SrtpProfileSizes& size = sizes(keys.profile);
  uint8_t material[2 * (32 + 14)];
  const size_t length = 2 * (static_cast<size_t>(size.key) + size.salt);
  if (SSL_export_keying_material(ssl_.get(), material, length, LABEL, sizeof LABEL - 1, nullptr, 0, 0) != 1) {
    ERR_clear_error();
    return false;
  }
  // client key, server key, client salt, server salt
  const uint8_t* clientKey = material;
  const uint8_t* serverKey = material + size.key;
  const uint8_t* clientSalt = material + 2 * size.key;
  const uint8_t* serverSalt = clientSalt + size.salt;
  memcpy(keys.sendKey, server_ ? serverKey : clientKey, size.key);
  memcpy(keys.receiveKey, server_ ? clientKey : serverKey, size.key);
  memcpy(keys.sendSalt, server_ ? serverSalt : clientSalt, size.salt);
  memcpy(keys.receiveSalt, server_ ? clientSalt : serverSalt, size.salt);
  OPENSSL_cleanse(material, sizeof material);
  return true;
}

}  // namespace tertulia
