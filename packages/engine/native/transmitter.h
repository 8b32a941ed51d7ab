// The way out: packets are staged, handed to the kernel up to 64 at a time, and wait in a bounded queue when its buffer is full.
// In memory mode they are kept for whoever asks. Knows sockets; does not know what a packet means.
#pragma once
#include <deque>
#include <memory>
#include <vector>
#include "socket_tcp.h"

namespace tertulia {

/// 2 MiB wait for a full kernel buffer (which is 4 MiB): together about 50 ms of a gigabit. Older media is worthless.
constexpr size_t QUEUE_BYTES_MAX = 2 * 1024 * 1024;
/// What a queued datagram costs beside its bytes.
constexpr size_t QUEUE_OVERHEAD = 64;
/// A cache line.
constexpr size_t STAGING_ALIGNMENT = 64;
static_assert(SLOT_BYTES % STAGING_ALIGNMENT == 0, "as many slots as one call takes are room enough");

/// Sockets whose packets are staged at once: listeners' UDP and TCP, a recorder's, a pipe's. One more goes in place of the
/// one that was begun first. With a single stage, packets to two sockets in turn would be a call of the kernel each.
constexpr size_t STAGES = 4;

class Transmitter {
 public:
  Transmitter(bool memory, Counters& counters);

  /// Sockets are numbered from 0; numbers of closed ones are used again.
  uint32_t addSocket(std::unique_ptr<UdpSocket> socket);
  uint32_t addListener(std::unique_ptr<TcpListener> listener);
  void removeSocket(uint32_t number);
  UdpSocket* socket(uint32_t number) const {
    return number < sockets_.size() ? sockets_[number].socket.get() : nullptr;
  }
  TcpListener* listener(uint32_t number) const {
    return number < sockets_.size() ? sockets_[number].listener.get() : nullptr;
  }
  uint32_t socketCount() const { return static_cast<uint32_t>(sockets_.size()); }

  /// SLOT_BYTES of room for the next packet of a socket. commit() sends it, not calling commit() forgets it.
  /// Packets of one socket go out in their order, those of two in any.
  uint8_t* stage(uint32_t socket) {
    if (stage_->socket != socket) takeStage(socket);
    return stage_->bytes.get() + stage_->usedBytes;
  }
  /// What was written to the last stage().
  void commit(const Destination& to, size_t length) {
    Stage& stage = *stage_;
    stage.outgoing[stage.used] = {stage.bytes.get() + stage.usedBytes, static_cast<uint32_t>(length), to};
    // One behind the other, by cache lines: packets at equal distances would drive each other out of the first cache.
    stage.usedBytes += (length + STAGING_ALIGNMENT - 1) & ~(STAGING_ALIGNMENT - 1);
    if (++stage.used == CALL_DATAGRAMS) hand(stage);
  }
  /// Hands over what is staged.
  void kick();

  /// The socket can take more. @return whether everything has gone.
  bool drainQueue(uint32_t number);
  bool waiting(uint32_t number) const { return number < sockets_.size() && !sockets_[number].queue.empty(); }

  /// Memory mode: what was sent since the last call, each as length, socket, address, bytes, filled up to 4.
  std::vector<uint8_t> takeSent() { return std::move(sent_); }

 private:
  struct Queued {
    Destination to;
    std::vector<uint8_t> bytes;
  };
  struct Place {
    std::unique_ptr<UdpSocket> socket;  // one of the two, or the number is free
    std::unique_ptr<TcpListener> listener;
    std::deque<Queued> queue;
  };
  struct Stage {
    std::unique_ptr<uint8_t[]> bytes{new uint8_t[CALL_DATAGRAMS * SLOT_BYTES]};
    Outgoing outgoing[CALL_DATAGRAMS];
    size_t used = 0, usedBytes = 0;
    uint32_t socket = NO_SOCKET;
  };
  static constexpr uint32_t NO_SOCKET = 0xffffffff;
  uint32_t freeNumber();
  void takeStage(uint32_t socket);
  void hand(Stage& stage);
  void remember(uint32_t socket, const Outgoing& out);
  void enqueue(Place& place, const Outgoing& out);
  void countRefusal(SendResult result);

  bool memory_;
  Counters& counters_;
  Stage stages_[STAGES];
  Stage* stage_ = stages_;
  size_t nextTaken_ = 0;  // of stages_: in turn, so the one that was begun first
  std::vector<Place> sockets_;
  std::vector<uint8_t> sent_;
};

}  // namespace tertulia
