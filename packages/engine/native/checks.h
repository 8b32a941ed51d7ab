// Repeats an answer that was given before. A client checks its chosen path every few seconds for as long as a call lasts;
// after the first time there is nothing to decide. When the owner has answered a check from the address that a peer is
// sent to, the next one from there that differs in nothing but transaction id, MESSAGE-INTEGRITY and FINGERPRINT is
// answered here with the same bytes under its own id. At least one in `refreshMicros` goes up all the same, so the owner
// hears that the peer still lives; so does every check that is anything else, and the first after each of those.
// Knows the frame of STUN and its two trailing attributes; does not know what a check means, nor who may ask.
// Spec: RFC 8489 §14.2 (XOR-MAPPED-ADDRESS), §14.5 (MESSAGE-INTEGRITY), §14.7 (FINGERPRINT).
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
#include "address.h"
#include "srtp.h"

namespace tertulia {

/// Longer checks all go up: a browser's have about 110 bytes.
constexpr size_t CHECK_BYTES_MAX = 512;
/// ICE's alphabet, RFC 8445 §5.3 and what HMAC takes without hashing its key first.
constexpr size_t CHECK_FRAGMENT_MAX = 256, CHECK_PASSWORD_MAX = 64;
/// Transaction ids remembered per peer, as many as the owner remembers: 80 minutes of one check each 2.5 s.
constexpr size_t CHECK_IDS_MAX = 2048;
/// A pause of more than this between two checks, and the next goes up: on a bad path the owner hears each one.
constexpr uint64_t CHECK_PAUSE_MICROS = 4'000'000;

/// What is known of one peer's checks.
class PeerChecks {
 public:
  PeerChecks(const uint8_t* password, size_t length) { setPassword(password, length); }
  /// Nothing is learnt under the new one yet; ids that were answered stay known.
  void setPassword(const uint8_t* password, size_t length) {
    mac_.setKey(password, length);
    forget();
  }
  void setRefresh(uint64_t micros) { refreshMicros_ = micros; }

  /// The owner answered `request` from `from` with `reply`. What does not have the usual frame is not learnt.
  void learn(uint32_t socket, const Address& from, const uint8_t* request, size_t requestLength, const uint8_t* reply,
             size_t replyLength, uint64_t nowMicros);
  /// Until the owner answers the next one.
  void forget() { request_.clear(); }

  enum class Verdict { Other, Answer, HandUp };
  /// Other: not the check that was learnt, or not genuine. Answer: `reply` (of replyBytes()) is what to send.
  /// HandUp: genuine, but it is time that the owner hears one.
  Verdict consider(uint32_t socket, const Address& from, const uint8_t* bytes, size_t length, uint64_t nowMicros,
                   uint8_t* reply);
  size_t replyBytes() const { return reply_.size(); }
  /// Whether this transaction id was seen: answered here, or handed up from the chosen address.
  bool answered(const uint8_t* bytes) const;

 private:
  void remember(const uint8_t* bytes);
  void write(const uint8_t* bytes, uint8_t* reply) const;

  HmacSha1 mac_;
  uint64_t refreshMicros_ = 0, handUpMicros_ = 0, lastMicros_ = 0;
  std::vector<uint8_t> request_, reply_;  // empty: nothing was learnt
  uint32_t socket_ = 0;
  Address from_;
  std::vector<uint64_t> ids_;  // a ring once it is full; random, so half of the 96 bits tells them apart
  size_t nextId_ = 0;
};

/// Whose checks name which fragment: a check from an unknown address is compared with what was answered elsewhere.
class CheckNames {
 public:
  /// A peer has at most two: after a restart the one before is good until the new one is used.
  void add(const std::string& fragment, uint32_t peer);
  void remove(uint32_t peer);
  /// @return NO_PEER when the message has no USERNAME or nobody is called so
  uint32_t find(const uint8_t* bytes, size_t length) const;

 private:
  struct Names {
    std::string current, before;
  };
  std::unordered_map<std::string, uint32_t> peers_;
  std::unordered_map<uint32_t, Names> names_;
};

}  // namespace tertulia
