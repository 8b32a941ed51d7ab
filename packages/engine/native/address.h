// Where a datagram came from or goes to, in the 20 bytes that rows carry and as the kernel wants it.
// Byte 0: 4 or 6. Byte 1: number of the local address to answer from, 0 = as the kernel likes. Then port and address.
#pragma once
#if defined(_WIN32)
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netinet/in.h>
#include <sys/socket.h>
#endif
#include "bytes.h"
#include "layout.h"

namespace tertulia {

struct Address {
  uint8_t bytes[ADDRESS_BYTES] = {};
  uint8_t family() const { return bytes[0]; }
  uint8_t local() const { return bytes[1]; }
};

/// What sendmsg wants. Room for IPv6 is room for IPv4.
struct Destination {
  sockaddr_in6 name;
  uint8_t length = 0;  // 0: no destination
  uint8_t local = 0;
};

/// Port and address bytes; the local number stays 0. Anything but IPv4 and IPv6 gives family 0. An IPv4 peer of an IPv6
/// socket is an IPv4 address: that is what it has to be told in STUN.
inline Address toAddress(const sockaddr_in6& name) {
  Address address;
  if (name.sin6_family == AF_INET) {
    sockaddr_in v4;
    memcpy(&v4, &name, sizeof v4);
    address.bytes[0] = 4;
    memcpy(address.bytes + 2, &v4.sin_port, 2);
    memcpy(address.bytes + 4, &v4.sin_addr, 4);
  } else if (name.sin6_family == AF_INET6) {
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&name.sin6_addr);
    address.bytes[0] = mapped ? 4 : 6;
    memcpy(address.bytes + 2, &name.sin6_port, 2);
    memcpy(address.bytes + 4, reinterpret_cast<const uint8_t*>(&name.sin6_addr) + (mapped ? 12 : 0), mapped ? 4 : 16);
  }
  return address;
}

/// @return false for a family that is neither 4 nor 6, and for port 0.
inline bool toDestination(const Address& address, Destination& destination) {
  memset(&destination.name, 0, sizeof destination.name);
  destination.local = address.local();
  destination.length = 0;
  if (address.bytes[2] == 0 && address.bytes[3] == 0) return false;
  if (address.family() == 4) {
    sockaddr_in v4 = {};
    v4.sin_family = AF_INET;
    memcpy(&v4.sin_port, address.bytes + 2, 2);
    memcpy(&v4.sin_addr, address.bytes + 4, 4);
    memcpy(&destination.name, &v4, sizeof v4);
    destination.length = sizeof v4;
  } else if (address.family() == 6) {
    destination.name.sin6_family = AF_INET6;
    memcpy(&destination.name.sin6_port, address.bytes + 2, 2);
    memcpy(&destination.name.sin6_addr, address.bytes + 4, 16);
    destination.length = sizeof destination.name;
  }
  return destination.length != 0;
}

}  // namespace tertulia
