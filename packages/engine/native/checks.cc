#include "checks.h"
#include <openssl/crypto.h>
#include "bytes.h"

namespace tertulia {
namespace {

constexpr size_t HEADER = 20, ID_AT = 8, INTEGRITY = 24, FINGERPRINT = 8, TRAILER = INTEGRITY + FINGERPRINT;
constexpr uint32_t MESSAGE_INTEGRITY_HEAD = 0x00080014, FINGERPRINT_HEAD = 0x80280004, FINGERPRINT_XOR = 0x5354554e;
constexpr uint32_t BINDING_REQUEST = 0x0001, BINDING_SUCCESS = 0x0101;
constexpr uint32_t USERNAME = 0x0006, XOR_MAPPED_ADDRESS = 0x0020;
constexpr size_t MAPPED_V4 = 8, MAPPED_V6 = 20;

struct CrcTable {
  uint32_t values[256];
  CrcTable() {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
      values[i] = value;
    }
  }
};

uint32_t fingerprint(const uint8_t* bytes, size_t length) {
  static const CrcTable table;
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < length; i++) crc = table.values[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
  return ~crc ^ FINGERPRINT_XOR;
}

/// Ends in MESSAGE-INTEGRITY and FINGERPRINT, as everything between two ICE agents does.
bool framed(const uint8_t* bytes, size_t length, uint32_t type) {
  return length >= HEADER + TRAILER && length <= CHECK_BYTES_MAX && readU16(bytes) == type &&
         readU16(bytes + 2) == length - HEADER && readU32(bytes + length - TRAILER) == MESSAGE_INTEGRITY_HEAD &&
         readU32(bytes + length - FINGERPRINT) == FINGERPRINT_HEAD;
}

/// RFC 8489 §14.5: what lies before the attribute, under a length that ends with it.
void integrity(const HmacSha1& mac, const uint8_t* bytes, size_t length, uint8_t out[20]) {
  const size_t covered = length - TRAILER;
  uint8_t head[HEADER];
  memcpy(head, bytes, HEADER);
  writeU16(head + 2, static_cast<uint32_t>(covered + INTEGRITY - HEADER));
  mac.sign(head, HEADER, bytes + HEADER, covered - HEADER, out);
}

uint64_t shortId(const uint8_t* bytes) {
  uint64_t id;
  memcpy(&id, bytes + ID_AT + 4, sizeof id);
  return id;
}

/// A success whose only content is the address.
bool plainSuccess(const uint8_t* reply, size_t length) {
  if (!framed(reply, length, BINDING_SUCCESS)) return false;
  const size_t value = readU16(reply + HEADER + 2);
  return readU16(reply + HEADER) == XOR_MAPPED_ADDRESS && (value == MAPPED_V4 || value == MAPPED_V6) &&
         length == HEADER + 4 + value + TRAILER;
}

}  // namespace

void PeerChecks::learn(uint32_t socket, const Address& from, const uint8_t* request, size_t requestLength,
                       const uint8_t* reply, size_t replyLength, uint64_t nowMicros) {
  forget();
  // Nobody gains by asking in another's name: no answer is longer than its question.
  if (!framed(request, requestLength, BINDING_REQUEST) || !plainSuccess(reply, replyLength)) return;
  if (replyLength > requestLength || memcmp(request + 4, reply + 4, HEADER - 4) != 0) return;
  request_.assign(request, request + requestLength);
  reply_.assign(reply, reply + replyLength);
  socket_ = socket;
  from_ = from;
  handUpMicros_ = nowMicros + refreshMicros_;
  lastMicros_ = nowMicros;
  remember(request);
}

PeerChecks::Verdict PeerChecks::consider(uint32_t socket, const Address& from, const uint8_t* bytes, size_t length,
                                         uint64_t nowMicros, uint8_t* reply) {
  if (request_.empty() || length != request_.size() || socket != socket_) return Verdict::Other;
  if (memcmp(from.bytes, from_.bytes, ADDRESS_BYTES) != 0) return Verdict::Other;
  const size_t end = length - TRAILER;
  if (memcmp(bytes, request_.data(), ID_AT) != 0 ||
      memcmp(bytes + HEADER, request_.data() + HEADER, end - HEADER) != 0 || !framed(bytes, length, BINDING_REQUEST))
    return Verdict::Other;
  uint8_t mac[20];
  integrity(mac_, bytes, length, mac);
  if (CRYPTO_memcmp(mac, bytes + end + 4, sizeof mac) != 0) return Verdict::Other;
  if (fingerprint(bytes, length - FINGERPRINT) != readU32(bytes + length - 4)) return Verdict::Other;

  const uint64_t pause = nowMicros - lastMicros_;
  const bool due = nowMicros >= handUpMicros_ || pause > CHECK_PAUSE_MICROS;
  // The same check again proves nothing: it gets its answer again, and is no sign of life.
  if (due && answered(bytes)) {
    write(bytes, reply);
    return Verdict::Answer;
  }
  remember(bytes);
  if (due) return Verdict::HandUp;
  lastMicros_ = nowMicros;
  write(bytes, reply);
  return Verdict::Answer;
}

void PeerChecks::write(const uint8_t* bytes, uint8_t* reply) const {
  const size_t length = reply_.size();
  memcpy(reply, reply_.data(), length);
  memcpy(reply + ID_AT, bytes + ID_AT, HEADER - ID_AT);
  if (readU16(reply + HEADER + 2) == MAPPED_V6) {
    // The last twelve bytes of the address are hidden under the transaction id.
    uint8_t* hidden = reply + HEADER + 4 + 8;
    for (size_t i = 0; i < HEADER - ID_AT; i++) hidden[i] ^= request_[ID_AT + i] ^ bytes[ID_AT + i];
  }
  integrity(mac_, reply, length, reply + length - TRAILER + 4);
  writeU32(reply + length - 4, fingerprint(reply, length - FINGERPRINT));
}

bool PeerChecks::answered(const uint8_t* bytes) const {
  const uint64_t id = shortId(bytes);
  for (uint64_t known : ids_) {
    if (known == id) return true;
  }
  return false;
}

void PeerChecks::remember(const uint8_t* bytes) {
  if (ids_.size() < CHECK_IDS_MAX) {
    ids_.push_back(shortId(bytes));
    return;
  }
  ids_[nextId_] = shortId(bytes);
  nextId_ = (nextId_ + 1) % CHECK_IDS_MAX;
}

void CheckNames::add(const std::string& fragment, uint32_t peer) {
  Names& names = names_[peer];
  if (names.current == fragment) return;
  if (!names.before.empty()) peers_.erase(names.before);
  names.before = names.current;
  names.current = fragment;
  peers_[fragment] = peer;
}

void CheckNames::remove(uint32_t peer) {
  const auto at = names_.find(peer);
  if (at == names_.end()) return;
  for (const std::string& name : {at->second.current, at->second.before}) {
    const auto owner = peers_.find(name);
    if (owner != peers_.end() && owner->second == peer) peers_.erase(owner);
  }
  names_.erase(at);
}

uint32_t CheckNames::find(const uint8_t* bytes, size_t length) const {
  if (peers_.empty()) return NO_PEER;
  for (size_t at = HEADER; at + 4 <= length;) {
    const size_t value = readU16(bytes + at + 2);
    if (at + 4 + value > length) break;
    if (readU16(bytes + at) == USERNAME) {
      const auto* text = reinterpret_cast<const char*>(bytes + at + 4);
      const auto* colon = static_cast<const char*>(memchr(text, ':', value < CHECK_FRAGMENT_MAX + 1 ? value : CHECK_FRAGMENT_MAX + 1));
      if (!colon) break;
      const auto owner = peers_.find(std::string(text, colon));
      return owner == peers_.end() ? NO_PEER : owner->second;
    }
    at += 4 + (value + 3) / 4 * 4;
  }
  return NO_PEER;
}

}  // namespace tertulia
