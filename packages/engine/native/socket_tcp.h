// The server side of ICE-TCP: a listening socket and its connections. A connection is a stream of frames, two bytes of
// length and as many bytes; a frame is in both directions what a datagram is on UDP. A connection is named by an address:
// the remote one, with a number in the local byte, so that one that comes again from the same port is another one.
// Knows framing, and who may stay: a connection whose address belongs to a peer is verified; the others have little time,
// may send nothing but STUN, and make room for newer ones. Does not know peers, or what is in a frame.
// Spec: RFC 4571 §2, RFC 6544 §3 (passive candidates). Linux only (one epoll handle stands for all of them); elsewhere
// open() says so.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>
#include "socket.h"

namespace tertulia {

/// Connections of one listener: four times the participants that a worker is made for, far below usual limits of open files.
constexpr size_t TCP_CONNECTIONS_MAX = 4096;
/// Connections that nobody has verified. One more, and the oldest goes: a client verifies itself within a round trip.
constexpr size_t TCP_UNVERIFIED_MAX = 512;
/// Frames before that. A client repeats its check on a stream seldom or never.
constexpr uint32_t TCP_UNVERIFIED_FRAMES_MAX = 64;
/// What waits for one slow connection: a second of 2 Mbit/s. Older media is worthless.
constexpr size_t TCP_QUEUE_BYTES_MAX = 256 * 1024;
/// What waits for all of a listener: 256 connections that stand still.
constexpr size_t TCP_QUEUES_BYTES_MAX = 64 * 1024 * 1024;
/// What the kernel holds of a connection and has not sent yet: beyond it the queue here fills, where it can be refused.
constexpr int TCP_UNSENT_BYTES = 64 * 1024;
/// One read; a busy sender's two milliseconds at 200 Mbit/s.
constexpr size_t TCP_READ_BYTES = 64 * 1024;

/// Who gets what connections bring. Neither may call back into the listener in a way that closes connections.
class TcpSink {
 public:
  virtual ~TcpSink() = default;
  /// @return false when there is no room for it at present: it comes again
  virtual bool onFrame(const Address& from, const uint8_t* bytes, uint32_t length) = 0;
  /// A verified connection has ended. @return false as above
  virtual bool onClosed(const Address& address) = 0;
};

class TcpListener {
 public:
  explicit TcpListener(Counters& counters) : counters_(counters) {}
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  OpenError open(const std::string& ip, uint16_t port, const OpenOptions& options);

  /// Readable whenever serve() has something to do, writing and limits of time included.
  SocketHandle handle() const { return epoll_; }
  uint16_t port() const { return port_; }
  int sendBuffer() const { return sendBuffer_; }
  int receiveBuffer() const { return receiveBuffer_; }

  /// Accepts, reads, writes what waits, ends what must end. @return whether frames wait for room
  bool serve(TcpSink& sink, uint64_t nowMicros);

  /// Frames in order; what the kernel does not take waits.
  void send(const Outgoing* outgoing, size_t count);

  bool has(const Address& address) const { return connections_.count(keyOf(address)) > 0; }
  /// From now on the address belongs to a peer, or no longer does.
  void setVerified(const Address& address, bool verified, uint64_t nowMicros);
  /// Ends the connection; the sink does not hear of it.
  void end(const Address& address);

 private:
  struct Connection {
    int handle = -1;  // -1: ended
    Address address;
    uint64_t unverified = 0;  // place among those that are not verified, 0: it is
    uint64_t sinceMicros = 0;
    uint32_t frames = 0;  // while not verified
    bool wantsWrite = false;
    std::vector<uint8_t> in;               // the beginning of a frame, or frames that nobody had room for
    std::deque<std::vector<uint8_t>> out;  // frames with their lengths
    size_t outAt = 0;                      // bytes of the first one that are gone
    size_t outBytes = 0;
  };
  using Key = std::string;
  static Key keyOf(const Address& address) { return Key(reinterpret_cast<const char*>(address.bytes), ADDRESS_BYTES); }

  Connection* find(const Address& address) const;
  void accept(uint64_t nowMicros);
  void add(int handle, const Address& from, uint64_t nowMicros);
  void makeUnverified(Connection& connection, uint64_t nowMicros);
  void read(Connection& connection, TcpSink& sink);
  /// Hands over the whole frames among these bytes; the rest is kept.
  void take(Connection& connection, const uint8_t* bytes, size_t length, TcpSink& sink);
  void write(Connection& connection, const Outgoing* outgoing, size_t count);
  void enqueue(Connection& connection, const Outgoing& out, size_t gone);
  void drain(Connection& connection);
  void watch(Connection& connection);
  void endConnection(Connection& connection);
  void onTick(uint64_t nowMicros);
  void setTimer();
  void setAwake(bool awake);

  Counters& counters_;
  int listen_ = -1, epoll_ = -1, timer_ = -1, wake_ = -1;
  uint16_t port_ = 0;
  OpenOptions options_;
  int sendBuffer_ = 0, receiveBuffer_ = 0;
  bool accepting_ = true, ticking_ = false, awake_ = false;
  uint8_t lastNumber_ = 0;
  uint64_t lastUnverified_ = 0;
  size_t queuedBytes_ = 0;
  std::unordered_map<Key, std::unique_ptr<Connection>> connections_;
  std::map<uint64_t, Connection*> unverified_;  // oldest first
  std::vector<Connection*> pending_;            // have whole frames
  std::deque<Address> ended_;                   // verified ones, not told yet
  std::vector<std::unique_ptr<Connection>> graves_;  // events of this round may still name them
  std::vector<uint8_t> buffer_;
};

}  // namespace tertulia
