#include "core.h"
#include <openssl/rand.h>
#include <chrono>
#include "classify.h"

namespace tertulia {
namespace {

uint64_t randomSeed() {
  uint64_t seed = 0;
  RAND_bytes(reinterpret_cast<uint8_t*>(&seed), sizeof seed);
  return seed;
}

}  // namespace

uint64_t monotonicMicros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

Core::Core(const Shared& shared, bool memory, uint32_t maxPeers)
    : shared_(shared),
      slots_(shared),
      peers_(maxPeers),
      lists_(shared.entryCapacity),
      tuples_(randomSeed()),
      transmitter_(memory, counters_),
      forwarder_(shared, peers_, lists_, transmitter_, capture_, counters_) {}

// ---- in ----

size_t Core::prepareSlots() {
  while (preparedCount_ < CALL_DATAGRAMS && slots_.take(prepared_[preparedCount_])) preparedCount_++;
  return preparedCount_;
}

/// What the connections of one listener bring, as rows.
class Core::FrameSink : public TcpSink {
 public:
  FrameSink(Core& core, uint32_t socket, uint64_t nowMicros) : core_(core), socket_(socket), nowMicros_(nowMicros) {}
  bool onFrame(const Address& from, const uint8_t* bytes, uint32_t length) override {
    return core_.accept(socket_, from, bytes, length, nowMicros_);
  }
  bool onClosed(const Address& address) override { return core_.noteClosed(socket_, address, nowMicros_); }

 private:
  Core& core_;
  uint32_t socket_;
  uint64_t nowMicros_;
};

bool Core::receive(uint32_t number, uint64_t nowMicros) {
  if (TcpListener* listener = transmitter_.listener(number)) {
    FrameSink sink(*this, number, nowMicros);
    return !batchFull() && listener->serve(sink, nowMicros);
  }
  UdpSocket* socket = transmitter_.socket(number);
  if (!socket || batchFull()) return false;
  const size_t room = BATCH_ROWS - rowCount_ < CALL_DATAGRAMS ? BATCH_ROWS - rowCount_ : CALL_DATAGRAMS;
  Incoming incoming[CALL_DATAGRAMS];
  const size_t slots = prepareSlots();
  if (slots == 0) {
    incoming[0].bytes = unwanted_;
    counters_.receiveCalls++;
    if (socket->receive(incoming, 1) == 0) return false;
    counters_.received++;
    counters_.receivedBytes += incoming[0].length;
    counters_.drop(Drop::NoSlot);
    return true;
  }
  const size_t wanted = slots < room ? slots : room;
  for (size_t i = 0; i < wanted; i++) incoming[i].bytes = slots_.bytes(prepared_[i]);
  counters_.receiveCalls++;
  const size_t got = socket->receive(incoming, wanted);
  size_t kept = 0;
  for (size_t i = 0; i < got; i++) {
    const uint32_t slot = prepared_[i];
    counters_.received++;
    counters_.receivedBytes += incoming[i].length;
    if (incoming[i].tooLong) {
      counters_.drop(Drop::TooLong);
      prepared_[kept++] = slot;
    } else if (!process(slot, incoming[i].length, number, incoming[i].from, nowMicros)) {
      prepared_[kept++] = slot;
    }
  }
  for (size_t i = got; i < preparedCount_; i++) prepared_[kept++] = prepared_[i];
  preparedCount_ = kept;
  return got == wanted;
}

bool Core::accept(uint32_t socket, const Address& from, const uint8_t* bytes, uint32_t length, uint64_t nowMicros) {
  if (batchFull()) return false;
  counters_.received++;
  counters_.receivedBytes += length;
  if (length > SLOT_BYTES) {
    counters_.drop(Drop::TooLong);
  } else if (prepareSlots() == 0) {
    counters_.drop(Drop::NoSlot);
  } else {
    const uint32_t slot = prepared_[preparedCount_ - 1];
    memcpy(slots_.bytes(slot), bytes, length);
    if (process(slot, length, socket, from, nowMicros)) preparedCount_--;
  }
  return true;
}

bool Core::noteClosed(uint32_t socket, const Address& address, uint64_t nowMicros) {
  if (batchFull()) return false;
  Peer* peer = peers_.find(tuples_.find(socket, address));
  if (!peer) return true;
  unbindAddress(*peer, socket, address);
  uint32_t* row = shared_.rows + static_cast<size_t>(rowCount_) * ROW_WORDS;
  memset(row, 0, ROW_WORDS * sizeof(uint32_t));
  row[ROW_KIND] = KIND_CLOSED;
  row[ROW_PEER] = peer->id;
  row[ROW_SOCKET] = socket;
  memcpy(row + ROW_ADDRESS, address.bytes, ADDRESS_BYTES);
  batchSlots_[rowCount_++] = NO_SLOT;
  batchMicros_ = nowMicros;
  return true;
}

bool Core::deliver(Peer& peer, const uint8_t* bytes, uint32_t length, uint64_t nowMicros) {
  if (batchFull()) return false;
  Drop drop = length > SLOT_BYTES ? Drop::TooLong : classify(bytes, length).drop;
  if (drop == Drop::Count && classify(bytes, length).kind != KIND_RTP) drop = Drop::UnknownClass;
  if (drop == Drop::Count && prepareSlots() == 0) drop = Drop::NoSlot;
  if (drop != Drop::Count) {
    counters_.drop(drop);
    return false;
  }
  const uint32_t slot = prepared_[preparedCount_ - 1];
  memcpy(slots_.bytes(slot), bytes, length);
  if (!process(&peer, false, KIND_RTP, slot, length, NO_PEER, Address{}, nowMicros)) return false;
  preparedCount_--;
  return true;
}

Peer* Core::ownerOf(uint32_t socket, const Address& from) const {
  if (socket >= owners_.size()) return nullptr;
  const SocketOwner& owner = owners_[socket];
  Peer* peer = peers_.find(owner.peer);
  if (!peer || owner.latch) return peer;
  const uint8_t* selected = peer->selected.bytes;
  const bool same = selected[0] == from.bytes[0] && memcmp(selected + 2, from.bytes + 2, ADDRESS_BYTES - 2) == 0;
  return same ? peer : nullptr;
}

bool Core::process(uint32_t slot, uint32_t length, uint32_t socket, const Address& from, uint64_t nowMicros) {
  const Classified classified = classify(slots_.bytes(slot), length);
  if (classified.drop != Drop::Count) {
    counters_.drop(classified.drop);
    return false;
  }
  Peer* peer = peers_.find(tuples_.find(socket, from));
  if (classified.kind == KIND_STUN) {
    if (handleCheck(peer, slot, length, socket, from, nowMicros)) return false;
  } else if (!peer) {
    Peer* owner = ownerOf(socket, from);
    if (owner) return process(owner, true, classified.kind, slot, length, socket, from, nowMicros);
  }
  return process(peer, false, classified.kind, slot, length, socket, from, nowMicros);
}

bool Core::process(Peer* peer, bool unbound, uint32_t kind, uint32_t slot, uint32_t length, uint32_t socket,
                   const Address& from, uint64_t nowMicros) {
  const auto refuse = [this](Drop drop) {
    counters_.drop(drop);
    return false;
  };
  if (kind != KIND_STUN) {
    if (!peer) return refuse(kind == KIND_DTLS ? Drop::DtlsUnverifiedAddress : Drop::NoPeer);
    if (!peer->rate.take(nowMicros)) return refuse(Drop::RateLimit);
  }
  if (kind == KIND_SCTP && !peer->takesSctp) return refuse(Drop::UnknownClass);
  if (unbound) {
    // Nobody has authenticated these.
    if (kind == KIND_DTLS) return refuse(Drop::DtlsUnverifiedAddress);
    if (kind == KIND_SCTP && owners_[socket].latch && !(peer->receiver && peer->receiver->plain()))
      return refuse(Drop::NoPeer);
  }

  uint32_t* row = shared_.rows + static_cast<size_t>(rowCount_) * ROW_WORDS;
  memset(row, 0, ROW_WORDS * sizeof(uint32_t));
  row[ROW_KIND] = kind;
  row[ROW_SLOT] = slot;
  row[ROW_OFFSET] = slot * SLOT_BYTES;
  row[ROW_LENGTH] = length;
  row[ROW_PEER] = peer ? peer->id : NO_PEER;
  row[ROW_SOCKET] = socket;
  memcpy(row + ROW_ADDRESS, from.bytes, ADDRESS_BYTES);
  if (kind == KIND_RTP || kind == KIND_RTCP) {
    const Drop drop = kind == KIND_RTP ? openRtp(*peer, slot, length, row) : openRtcp(*peer, slot, length, row);
    if (drop != Drop::Count) return refuse(drop);
    if (peer->capture) {
      const size_t plain = row[ROW_LENGTH] + row[ROW_PADDING];
      capture_.add(*peer, kind == KIND_RTCP ? CAPTURE_RTCP : 0, from, nowMicros, slots_.bytes(slot), plain, nullptr, 0);
    }
  }
  if (unbound && bindAddress(*peer, socket, from) && owners_[socket].latch) {
    owners_[socket].latch = false;
    selectAddress(*peer, socket, from);
  }
  batchSlots_[rowCount_++] = slot;
  batchMicros_ = nowMicros;
  return true;
}

bool Core::handleCheck(Peer* peer, uint32_t slot, uint32_t length, uint32_t socket, const Address& from,
                       uint64_t nowMicros) {
  const uint8_t* bytes = slots_.bytes(slot);
  if (peer && peer->checks) {
    PeerChecks& checks = *peer->checks;
    switch (checks.consider(socket, from, bytes, length, nowMicros, transmitter_.stage(socket))) {
      case PeerChecks::Verdict::Answer: {
        Destination destination;
        if (!toDestination(from, destination)) return false;
        transmitter_.commit(destination, checks.replyBytes());
        counters_.checksAnswered++;
        return true;
      }
      case PeerChecks::Verdict::HandUp:
        return false;
      case PeerChecks::Verdict::Other:
        break;
    }
  }
  // From elsewhere, or something else: the owner hears it, and the next from the chosen address as well.
  Peer* named = peers_.find(checkNames_.find(bytes, length));
  if (!named || !named->checks) return false;
  const bool fromSelected = named == peer && memcmp(from.bytes, named->selected.bytes, ADDRESS_BYTES) == 0 &&
                            socket == named->socket;
  if (!fromSelected && named->checks->answered(bytes)) {
    // Recorded on the way and sent by somebody else: it must not move anything.
    counters_.drop(Drop::StunReplayed);
    return true;
  }
  named->checks->forget();
  return false;
}

void Core::noteAnswer(uint32_t socket, const Address& to, const uint8_t* bytes, uint32_t length) {
  constexpr uint32_t STUN_HEADER = 20;
  if (rowCount_ == 0 || length < STUN_HEADER || bytes[0] != 1 || bytes[1] != 1) return;
  Peer* peer = peers_.find(tuples_.find(socket, to));
  if (!peer || !peer->checks || peer->socket != socket) return;
  if (memcmp(peer->selected.bytes, to.bytes, ADDRESS_BYTES) != 0) return;
  for (uint32_t i = 0; i < rowCount_; i++) {
    if (batchSlots_[i] == NO_SLOT) continue;
    const uint32_t* row = shared_.rows + static_cast<size_t>(i) * ROW_WORDS;
    const uint8_t* request = slots_.bytes(batchSlots_[i]);
    const uint32_t requestLength = row[ROW_LENGTH];
    if (row[ROW_KIND] != KIND_STUN || requestLength < STUN_HEADER || requestLength > SLOT_BYTES) continue;
    if (memcmp(request + 4, bytes + 4, STUN_HEADER - 4) != 0 || memcmp(row + ROW_ADDRESS, to.bytes, ADDRESS_BYTES) != 0)
      continue;
    peer->checks->learn(socket, to, request, requestLength, bytes, length, batchMicros_);
    return;
  }
}

Drop Core::openRtp(Peer& peer, uint32_t slot, uint32_t length, uint32_t* row) {
  if (!peer.receiver) return Drop::SrtpNoKeys;
  const Opened opened = peer.receiver->openRtp(slots_.bytes(slot), length);
  if (opened.drop != Drop::Count) return opened.drop;
  const RtpHeader& header = opened.header;
  row[ROW_LENGTH] = opened.length - opened.padding;
  row[ROW_PADDING] = opened.padding;
  row[ROW_SSRC] = header.ssrc;
  row[ROW_SEQUENCE] = header.sequence;
  row[ROW_ROC] = opened.roc;
  row[ROW_TIMESTAMP] = header.timestamp;
  row[ROW_PAYLOAD_TYPE] = header.payloadType;
  row[ROW_MARKER] = header.marker;
  row[ROW_HEADER_LENGTH] = header.length;
  row[ROW_EXTENSION_PROFILE] = header.extensionProfile;
  row[ROW_EXTENSION_OFFSET] = header.extensionOffset ? row[ROW_OFFSET] + header.extensionOffset : 0;
  row[ROW_EXTENSION_LENGTH] = header.extensionLength;
  row[ROW_CSRC_COUNT] = header.csrcCount;
  return Drop::Count;
}

Drop Core::openRtcp(Peer& peer, uint32_t slot, uint32_t length, uint32_t* row) {
  if (!peer.receiver) return Drop::SrtpNoKeys;
  const Opened opened = peer.receiver->openRtcp(slots_.bytes(slot), length);
  if (opened.drop != Drop::Count) return opened.drop;
  row[ROW_LENGTH] = opened.length;
  row[ROW_SSRC] = opened.header.ssrc;
  return Drop::Count;
}

void Core::endBatch() {
  // Backwards, so that the batch's first slot is the next one taken: it is still in the cache.
  for (uint32_t i = rowCount_; i-- > 0;) {
    if (batchSlots_[i] != NO_SLOT) slots_.giveBack(batchSlots_[i]);
  }
  rowCount_ = 0;
}

// ---- out ----

bool Core::sendTo(uint32_t socket, const Address& to, const uint8_t* bytes, uint32_t length) {
  Destination destination;
  if (!toDestination(to, destination)) {
    counters_.drop(Drop::PeerNoAddress);
    return false;
  }
  if (length > SLOT_BYTES) {
    counters_.drop(Drop::Mtu);
    return false;
  }
  noteAnswer(socket, to, bytes, length);
  memcpy(transmitter_.stage(socket), bytes, length);
  transmitter_.commit(destination, length);
  return true;
}

bool Core::sendRtcp(uint32_t peer, const uint8_t* plain, uint32_t length, uint64_t nowMicros) {
  const Drop drop = forwarder_.sendRtcp(peers_.find(peer), plain, length, nowMicros);
  if (drop != Drop::Count) counters_.drop(drop);
  return drop == Drop::Count;
}

bool Core::readTransportFeedback(Peer& peer, const uint8_t* bytes, size_t length, uint64_t nowMicros,
                                 FeedbackResult& result) {
  if (!feedback_.read(bytes, length)) {
    counters_.drop(Drop::FeedbackMalformed);
    return false;
  }
  if (peer.video) peer.video->history.match(feedback_, nowMicros, result);
  return true;
}

// ---- peers ----

void Core::closePeer(uint32_t id) {
  Peer* peer = peers_.find(id);
  if (!peer) return;
  transmitter_.kick();  // the last words go out before their connection ends
  for (const Tuple& tuple : peer->tuples) {
    tuples_.remove(tuple.socket, tuple.address);
    if (TcpListener* listener = transmitter_.listener(tuple.socket)) listener->end(tuple.address);
  }
  checkNames_.remove(id);
  peers_.remove(peer);
}

bool Core::bindAddress(Peer& peer, uint32_t socket, const Address& address) {
  const uint32_t owner = tuples_.find(socket, address);
  if (owner != NO_PEER) return owner == peer.id;
  if (peer.tuples.size() >= PEER_TUPLES_MAX) return false;
  if (TcpListener* listener = transmitter_.listener(socket)) {
    if (!listener->has(address)) return false;
    listener->setVerified(address, true, monotonicMicros());
  }
  peer.tuples.push_back({socket, address});
  return tuples_.insert(socket, address, peer.id);
}

void Core::unbindAddress(Peer& peer, uint32_t socket, const Address& address) {
  for (size_t i = 0; i < peer.tuples.size(); i++) {
    const Tuple& tuple = peer.tuples[i];
    if (tuple.socket != socket || memcmp(tuple.address.bytes, address.bytes, ADDRESS_BYTES) != 0) continue;
    tuples_.remove(socket, address);
    if (TcpListener* listener = transmitter_.listener(socket)) listener->setVerified(address, false, monotonicMicros());
    if (peer.checks) peer.checks->forget();
    // RFC 7675 §5.1: no consent, nothing sent there.
    if (peer.socket == socket && memcmp(peer.selected.bytes, address.bytes, ADDRESS_BYTES) == 0) {
      peer.destination.length = 0;
      peer.selected = Address{};
    }
    peer.tuples.erase(peer.tuples.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

bool Core::selectAddress(Peer& peer, uint32_t socket, const Address& address) {
  peer.socket = socket;
  peer.selected = address;
  if (peer.checks) peer.checks->forget();
  return toDestination(address, peer.destination);
}

bool Core::setReport(Peer& peer, const uint8_t* bytes, size_t length, const uint32_t* places, size_t count) {
  constexpr size_t SENDER_REPORT = 28;
  peer.report.reset();
  if (length > ReportTemplate::BYTES_MAX || count == 0 || count > ReportTemplate::PLACES_MAX) return false;
  auto made = std::make_unique<ReportTemplate>();
  for (size_t i = 0; i < count; i++, places += 3) {
    if (places[0] > length || length - places[0] < SENDER_REPORT) return false;
    made->places.push_back({places[0], places[1], places[2]});
  }
  made->bytes.assign(bytes, bytes + length);
  peer.report = std::move(made);
  return true;
}

bool Core::answerChecks(Peer& peer, const std::string& fragment, const uint8_t* password, size_t length,
                        uint64_t refreshMicros) {
  if (fragment.empty() || fragment.size() > CHECK_FRAGMENT_MAX || length == 0 || length > CHECK_PASSWORD_MAX) return false;
  // What was answered before a restart stays known: it may still be sent again.
  if (peer.checks) {
    peer.checks->setPassword(password, length);
  } else {
    peer.checks = std::make_unique<PeerChecks>(password, length);
  }
  if (refreshMicros > 0) peer.checks->setRefresh(refreshMicros);
  checkNames_.add(fragment, peer.id);
  return true;
}

bool Core::setKeys(Peer& peer, SrtpProfile profile, const MasterKeys& keys) {
  auto sender = std::make_unique<SrtpSender>();
  auto receiver = std::make_unique<PeerReceiver>();
  if (!sender->init(profile, keys.sendKey, keys.sendSalt, gcmCode_)) return false;
  if (!receiver->init(profile, keys.receiveKey, keys.receiveSalt)) return false;
  peer.sender = std::move(sender);
  peer.receiver = std::move(receiver);
  peer.receiver->setSourcesMax(peer.sourcesMax);
  return true;
}

void Core::setPlain(Peer& peer) {
  peer.sender = std::make_unique<SrtpSender>();
  peer.receiver = std::make_unique<PeerReceiver>();
  peer.receiver->setSourcesMax(peer.sourcesMax);
}

void Core::ownSocket(Peer& peer, uint32_t socket, bool latch) {
  constexpr uint32_t SOCKETS_MAX = 1 << 16;
  if (socket >= SOCKETS_MAX) return;
  if (owners_.size() <= socket) owners_.resize(socket + 1);
  owners_[socket] = {peer.id, latch};
}

void Core::forgetSocket(uint32_t socket) {
  if (socket < owners_.size()) owners_[socket] = {};
}

Counters& Core::counters() {
  counters_.peers = peers_.size();
  counters_.entries = lists_.entryCount();
  counters_.lists = lists_.listCount();
  return counters_;
}

}  // namespace tertulia
