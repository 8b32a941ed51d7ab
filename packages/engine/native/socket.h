// One UDP socket: opening, reading and writing many datagrams at a time. Two implementations: socket_linux.cc
// (recvmmsg, sendmmsg, the local address of each datagram) and socket_plain.cc (macOS, Windows: one call each).
// Knows nothing of what is in a datagram, and nothing of libuv: the owner of the event loop polls handle().
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "address.h"

namespace tertulia {

#if defined(_WIN32)
using SocketHandle = SOCKET;
#else
using SocketHandle = int;
#endif

/// One system call's worth. 64 amortise the call to a few ns per datagram; more do not help.
constexpr size_t CALL_DATAGRAMS = 64;

struct Incoming {
  uint8_t* bytes;       // in: SLOT_BYTES of room
  uint32_t length = 0;  // out
  bool tooLong = false;
  Address from;
};

struct Outgoing {
  const uint8_t* bytes;
  uint32_t length;
  Destination to;
};

enum class SendResult { Sent, Full, TooLong, Refused };

struct OpenError {
  const char* code = nullptr;  // as in src/errors.ts; nullptr: none
  std::string detail;
};

/// How a socket is opened.
struct OpenOptions {
  int sendBuffer = 0, receiveBuffer = 0;  // bytes
  bool ipv6Only = true;   // :: takes no IPv4
  bool reusePort = false;  // others that say so, too, may have the same port
  bool coalesce = false;   // UDP, where the kernel can: reads datagrams together that it got together
  uint64_t unverifiedMicros = 0;  // TCP: how long a connection may be nobody's
};

class UdpSocket {
 public:
  UdpSocket() = default;
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  OpenError open(const std::string& ip, uint16_t port, const OpenOptions& options);
  void close();

  bool isOpen() const { return open_; }
  SocketHandle handle() const { return handle_; }
  uint16_t port() const { return port_; }
  int sendBuffer() const { return sendBuffer_; }
  int receiveBuffer() const { return receiveBuffer_; }

  /// Reads up to `count` (at most CALL_DATAGRAMS) datagrams without waiting. @return how many
  size_t receive(Incoming* incoming, size_t count);
  /// Some were read from the kernel that receive() has not given out yet: nobody will say that the socket is readable.
  bool holdsDatagrams() const { return coalesced_ && coalesced_->at < coalesced_->count; }

  /// Writes up to `count` (at most CALL_DATAGRAMS) datagrams without waiting, in order.
  /// `sent` is how many the kernel took; the result is about the one after them.
  SendResult send(const Outgoing* outgoing, size_t count, size_t& sent);

 private:
  struct LocalAddress {
    uint8_t family;
    uint8_t bytes[16];
    uint32_t interfaceIndex;
    bool operator==(const LocalAddress& other) const {
      return family == other.family && interfaceIndex == other.interfaceIndex && memcmp(bytes, other.bytes, 16) == 0;
    }
  };
  /// Datagrams of one sender and one length, the last one perhaps shorter, as one message of the kernel (UDP GRO).
  struct Message {
    uint32_t length, at, segment;
    bool truncated;
    Address from;
  };
  static constexpr size_t COALESCED_MESSAGES = 16, COALESCED_BYTES = 65'536;
  struct Coalesced {
    uint8_t bytes[COALESCED_MESSAGES][COALESCED_BYTES];
    Message messages[COALESCED_MESSAGES];
    size_t count = 0, at = 0;
  };
  size_t receiveCoalesced(Incoming* incoming, size_t count);
  bool readMessages();
  SendResult sendMessages(const Outgoing* outgoing, size_t count, bool segmented, size_t& sent);
  /// Number of the address that a datagram was sent to; 0: not known.
  uint8_t localOf(const struct msghdr& message);
  /// Number of a local address, 1…255; 0 when there are too many, and the kernel chooses then.
  uint8_t localNumber(const LocalAddress& local);
  /// Scope of a link-local destination: the bound one's, or that of the local address that was asked.
  uint32_t scopeOf(const Destination& to) const;

  SocketHandle handle_ = static_cast<SocketHandle>(-1);
  bool open_ = false;
  bool unspecified_ = false;  // bound to all addresses
  bool segments_ = false;     // several datagrams to one destination as one message
  uint8_t family_ = 0;
  uint16_t port_ = 0;
  uint32_t scope_ = 0;
  int sendBuffer_ = 0, receiveBuffer_ = 0;
  std::vector<LocalAddress> locals_;
  std::unique_ptr<Coalesced> coalesced_;  // with OpenOptions::coalesce
};

/// "192.0.2.1", "2001:db8::1", "fe80::1%eth0". @return name length, 0 when it is no address.
socklen_t parseIp(const std::string& ip, uint16_t port, sockaddr_in6& name);

}  // namespace tertulia
