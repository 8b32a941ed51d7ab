// The engine without JavaScript and without an event loop: what a plain C++ program or the add-on drives.
// One batch: receive() until it returns false, hand rows() to whoever decides, execute() the commands, endBatch().
// Elsewhere: one datagram's way in → core.cc · commands → forwarder.h · keys and replay → peer.h · N-API → addon*.cc
#pragma once
#include "forwarder.h"
#include "slots.h"
#include "tuples.h"

namespace tertulia {

/// Monotonic microseconds, the clock of every `nowMicros`.
uint64_t monotonicMicros();

struct MasterKeys {
  const uint8_t* receiveKey;
  const uint8_t* receiveSalt;
  const uint8_t* sendKey;
  const uint8_t* sendSalt;
};

class Core {
 public:
  Core(const Shared& shared, bool memory, uint32_t maxPeers);

  // ---- in ----
  /// Reads one call's worth of a socket into rows. @return whether more may be waiting (the batch may be full, too)
  bool receive(uint32_t socket, uint64_t nowMicros);
  /// Memory mode and frames of connections: one datagram. @return false when the batch is full and nothing was taken
  bool accept(uint32_t socket, const Address& from, const uint8_t* bytes, uint32_t length, uint64_t nowMicros);
  uint32_t rowCount() const { return rowCount_; }
  bool batchFull() const { return rowCount_ >= BATCH_ROWS; }
  /// A connection has ended: its address is nobody's, and a row says whose it was. @return false when the batch is full
  bool noteClosed(uint32_t socket, const Address& address, uint64_t nowMicros);
  /// RTP of a peer without an address. @return false when the batch is full, or it went no further (counted)
  bool deliver(Peer& peer, const uint8_t* bytes, uint32_t length, uint64_t nowMicros);
  /// Slots of the batch that nobody retained are free again.
  void endBatch();

  // ---- out ----
  uint32_t execute(uint32_t commands, uint64_t nowMicros) { return forwarder_.execute(commands, nowMicros); }
  /// Staged, not yet handed over: kick() does.
  bool sendTo(uint32_t socket, const Address& to, const uint8_t* bytes, uint32_t length);
  bool sendRtcp(uint32_t peer, const uint8_t* plain, uint32_t length, uint64_t nowMicros);
  void kick() { transmitter_.kick(); }
  /// Pacing and probes; what they let go is staged.
  VideoSender& video() { return forwarder_.video(); }
  /// The FCI of one transport-wide feedback packet from this peer. @return false when it is malformed (counted)
  bool readTransportFeedback(Peer& peer, const uint8_t* bytes, size_t length, uint64_t nowMicros, FeedbackResult& result);

  // ---- peers ----
  Peer* createPeer() { return peers_.create(); }
  void closePeer(uint32_t id);
  /// @return false beyond PEER_TUPLES_MAX and for a tuple of another peer
  /// and for a connection that has ended
  bool bindAddress(Peer& peer, uint32_t socket, const Address& address);
  void unbindAddress(Peer& peer, uint32_t socket, const Address& address);
  bool selectAddress(Peer& peer, uint32_t socket, const Address& address);
  /// Replay lists start anew. @return false when libcrypto refuses
  bool setKeys(Peer& peer, SrtpProfile profile, const MasterKeys& keys);
  /// In place of keys: RTP and RTCP as they are.
  void setPlain(Peer& peer);
  /// What comes to this socket from the peer's chosen remote address is the peer's, whatever local address it came to.
  /// `latch`: so is the first packet that it can open, from wherever, and its source becomes the chosen address; once.
  void ownSocket(Peer& peer, uint32_t socket, bool latch);
  /// The number may be another socket's next.
  void forgetSocket(uint32_t socket);
  /// `places` are triples of offset, entry and base. @return false for one that does not fit the bytes
  bool setReport(Peer& peer, const uint8_t* bytes, size_t length, const uint32_t* places, size_t count);
  Peer* peer(uint32_t id) const { return peers_.find(id); }
  /// Repeats of a check that the owner has answered are answered here from now on. `refreshMicros` 0: as before.
  /// @return false when the password or the fragment is too long or empty
  bool answerChecks(Peer& peer, const std::string& fragment, const uint8_t* password, size_t length, uint64_t refreshMicros);

  void setGcmCode(GcmCode code) { gcmCode_ = code; }
  GcmCode gcmCode() const { return gcmCode_; }
  EntryLists& lists() { return lists_; }
  Transmitter& transmitter() { return transmitter_; }
  CaptureStore& capture() { return capture_; }
  Counters& counters();
  const Shared& shared() const { return shared_; }

 private:
  class FrameSink;
  static constexpr uint32_t NO_SLOT = 0xffffffff;
  struct SocketOwner {
    uint32_t peer = NO_PEER;
    bool latch = false;
  };

  /// One datagram that lies in `slot`. @return whether it became a row
  bool process(uint32_t slot, uint32_t length, uint32_t socket, const Address& from, uint64_t nowMicros);
  /// The same, of a peer that is known. `unbound`: the address is not bound to it yet.
  bool process(Peer* peer, bool unbound, uint32_t kind, uint32_t slot, uint32_t length, uint32_t socket, const Address& from,
               uint64_t nowMicros);
  /// Who may take a packet from an address that nobody has.
  Peer* ownerOf(uint32_t socket, const Address& from) const;
  /// @return whether the check is done with: answered, or dropped
  bool handleCheck(Peer* peer, uint32_t slot, uint32_t length, uint32_t socket, const Address& from, uint64_t nowMicros);
  /// The owner answers a check of this batch: what it was, and with what.
  void noteAnswer(uint32_t socket, const Address& to, const uint8_t* bytes, uint32_t length);
  Drop openRtp(Peer& peer, uint32_t slot, uint32_t length, uint32_t* row);
  Drop openRtcp(Peer& peer, uint32_t slot, uint32_t length, uint32_t* row);
  /// Slots that the next call reads into; filled up from the pool. @return how many there are
  size_t prepareSlots();

  Shared shared_;
  Counters counters_;
  SlotPool slots_;
  PeerTable peers_;
  EntryLists lists_;
  TupleTable tuples_;
  CheckNames checkNames_;
  std::vector<SocketOwner> owners_;  // by socket
  Transmitter transmitter_;
  CaptureStore capture_;
  Forwarder forwarder_;
  GcmCode gcmCode_ = bestGcmCode();
  TransportFeedback feedback_;  // kept for its memory
  uint32_t rowCount_ = 0;
  uint64_t batchMicros_ = 0;
  uint32_t batchSlots_[BATCH_ROWS];  // what the rows say, where nobody else can write
  uint32_t prepared_[CALL_DATAGRAMS];
  size_t preparedCount_ = 0;
  uint8_t unwanted_[SLOT_BYTES];  // read into when no slot is free: the socket must not stay readable
};

}  // namespace tertulia
