// What both socket implementations share: text of addresses, numbers of local addresses.
#include "socket.h"
#if !defined(_WIN32)
#include <arpa/inet.h>
#include <net/if.h>
#endif
#include <cstdlib>

namespace tertulia {

UdpSocket::~UdpSocket() { close(); }

socklen_t parseIp(const std::string& ip, uint16_t port, sockaddr_in6& name) {
  memset(&name, 0, sizeof name);
  sockaddr_in v4 = {};
  if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    memcpy(&name, &v4, sizeof v4);
    return sizeof v4;
  }
  const size_t percent = ip.find('%');
  if (inet_pton(AF_INET6, ip.substr(0, percent).c_str(), &name.sin6_addr) != 1) return 0;
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(port);
  if (percent != std::string::npos) {
    const std::string zone = ip.substr(percent + 1);
#if !defined(_WIN32)
    name.sin6_scope_id = if_nametoindex(zone.c_str());
#endif
    if (name.sin6_scope_id == 0) name.sin6_scope_id = static_cast<uint32_t>(strtoul(zone.c_str(), nullptr, 10));
  }
  return sizeof name;
}

uint8_t UdpSocket::localNumber(const LocalAddress& local) {
  for (size_t i = 0; i < locals_.size(); i++) {
    if (locals_[i] == local) return static_cast<uint8_t>(i + 1);
  }
  if (locals_.size() >= 255) return 0;
  locals_.push_back(local);
  return static_cast<uint8_t>(locals_.size());
}

uint32_t UdpSocket::scopeOf(const Destination& to) const {
  const uint8_t* address = reinterpret_cast<const uint8_t*>(&to.name.sin6_addr);
  if (address[0] != 0xfe || (address[1] & 0xc0) != 0x80) return 0;
  if (to.local && to.local <= locals_.size()) return locals_[to.local - 1].interfaceIndex;
  return scope_;
}

}  // namespace tertulia
