// macOS and Windows: one system call per datagram, and the kernel chooses the local address.
// TERTULIA_PLAIN_SOCKETS builds it on Linux as well, to try it out.
#if !defined(__linux__) || defined(TERTULIA_PLAIN_SOCKETS)
#include "socket.h"
#include <cstring>
#if defined(_WIN32)
#include <mstcpip.h>
#else
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#endif

namespace tertulia {
namespace {

#if defined(_WIN32)
constexpr int IN_USE = WSAEADDRINUSE, NOT_AVAILABLE = WSAEADDRNOTAVAIL, NO_FAMILY = WSAEAFNOSUPPORT, NO_RIGHT = WSAEACCES,
              TOO_MANY = WSAEMFILE, WOULD_BLOCK = WSAEWOULDBLOCK, TOO_LONG = WSAEMSGSIZE, NO_BUFFERS = WSAENOBUFS;
int lastError() { return WSAGetLastError(); }
void closeHandle(SocketHandle handle) { closesocket(handle); }
bool prepare(SocketHandle handle) {
  u_long on = 1;
  // An ICMP "port unreachable" for one peer must not end a read for all (Windows' default).
  BOOL off = FALSE;
  DWORD written = 0;
  WSAIoctl(handle, SIO_UDP_CONNRESET, &off, sizeof off, nullptr, 0, &written, nullptr, nullptr);
  return ioctlsocket(handle, FIONBIO, &on) == 0;
}
#else
constexpr int IN_USE = EADDRINUSE, NOT_AVAILABLE = EADDRNOTAVAIL, NO_FAMILY = EAFNOSUPPORT, NO_RIGHT = EACCES,
              TOO_MANY = EMFILE, WOULD_BLOCK = EAGAIN, TOO_LONG = EMSGSIZE, NO_BUFFERS = ENOBUFS;
int lastError() { return errno; }
void closeHandle(SocketHandle handle) { ::close(handle); }
bool prepare(SocketHandle handle) {
  return fcntl(handle, F_SETFL, fcntl(handle, F_GETFL, 0) | O_NONBLOCK) == 0 && fcntl(handle, F_SETFD, FD_CLOEXEC) == 0;
}
#endif

OpenError openError(int error, const std::string& ip, uint16_t port) {
  const std::string where = ip + " port " + std::to_string(port);
  if (error == IN_USE) return {"ADDRESS_IN_USE", where + " is in use by another program"};
  if (error == NOT_AVAILABLE || error == NO_FAMILY) return {"ADDRESS_NOT_AVAILABLE", where + " is no address of this machine"};
  if (error == NO_RIGHT) return {"PERMISSION", where + " needs more rights"};
  if (error == TOO_MANY) return {"TOO_MANY_OPEN_FILES", where + " could not be opened: raise the limit of open files"};
  return {"SOCKET_FAILED", where + ": error " + std::to_string(error)};
}

/// Halves the wish until the system takes it.
int setBuffer(SocketHandle handle, int name, int bytes) {
  for (int wish = bytes; wish >= 4096; wish /= 2) {
    if (setsockopt(handle, SOL_SOCKET, name, reinterpret_cast<const char*>(&wish), sizeof wish) == 0) break;
  }
  int granted = 0;
  socklen_t length = sizeof granted;
  getsockopt(handle, SOL_SOCKET, name, reinterpret_cast<char*>(&granted), &length);
  return granted;
}

/// An IPv4 peer as an IPv6 socket knows it: ::ffff:a.b.c.d.
socklen_t toMapped(sockaddr_in6& name) {
  sockaddr_in v4;
  memcpy(&v4, &name, sizeof v4);
  memset(&name, 0, sizeof name);
  name.sin6_family = AF_INET6;
  name.sin6_port = v4.sin_port;
  auto* bytes = reinterpret_cast<uint8_t*>(&name.sin6_addr);
  bytes[10] = bytes[11] = 0xff;
  memcpy(bytes + 12, &v4.sin_addr, 4);
  return sizeof name;
}

}  // namespace

OpenError UdpSocket::open(const std::string& ip, uint16_t port, const OpenOptions& options) {
  sockaddr_in6 name;
  socklen_t length = parseIp(ip, port, name);
  if (length == 0) return {"BAD_ADDRESS", "'" + ip + "' is not an IP address"};
  const bool v6 = name.sin6_family == AF_INET6;
  const SocketHandle handle = socket(name.sin6_family, SOCK_DGRAM, 0);
  if (handle == static_cast<SocketHandle>(-1)) return openError(lastError(), ip, port);
  const int on = 1;
  const int ipv6Only = options.ipv6Only;
  if (v6) setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, reinterpret_cast<const char*>(&ipv6Only), sizeof ipv6Only);
#if defined(SO_REUSEPORT)
  if (options.reusePort) setsockopt(handle, SOL_SOCKET, SO_REUSEPORT, reinterpret_cast<const char*>(&on), sizeof on);
#else
  if (options.reusePort) setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<const char*>(&on), sizeof on);
#endif
#if defined(IP_DONTFRAG)
  if (!v6) setsockopt(handle, IPPROTO_IP, IP_DONTFRAG, reinterpret_cast<const char*>(&on), sizeof on);
#endif
  if (!prepare(handle) || bind(handle, reinterpret_cast<sockaddr*>(&name), length) != 0) {
    const int error = lastError();
    closeHandle(handle);
    return openError(error, ip, port);
  }
  length = sizeof name;
  getsockname(handle, reinterpret_cast<sockaddr*>(&name), &length);
  const Address bound = toAddress(name);
  port_ = readU16(bound.bytes + 2);
  family_ = bound.family();
  scope_ = v6 ? name.sin6_scope_id : 0;
  sendBuffer_ = setBuffer(handle, SO_SNDBUF, options.sendBuffer);
  receiveBuffer_ = setBuffer(handle, SO_RCVBUF, options.receiveBuffer);
  handle_ = handle;
  open_ = true;
  return {};
}

void UdpSocket::close() {
  if (open_) closeHandle(handle_);
  open_ = false;
}

size_t UdpSocket::receive(Incoming* incoming, size_t count) {
  size_t got = 0;
  while (got < count) {
    sockaddr_in6 name;
    socklen_t length = sizeof name;
    const auto bytes = recvfrom(handle_, reinterpret_cast<char*>(incoming[got].bytes), SLOT_BYTES, 0,
                                reinterpret_cast<sockaddr*>(&name), &length);
    if (bytes < 0 && lastError() != TOO_LONG) break;
    // Windows reports a cut datagram as an error, the others only by a full buffer.
    incoming[got].tooLong = bytes < 0 || static_cast<size_t>(bytes) >= SLOT_BYTES;
    incoming[got].length = bytes < 0 ? SLOT_BYTES : static_cast<uint32_t>(bytes);
    incoming[got].from = toAddress(name);
    got++;
  }
  return got;
}

SendResult UdpSocket::send(const Outgoing* outgoing, size_t count, size_t& sent) {
  for (sent = 0; sent < count; sent++) {
    const Outgoing& out = outgoing[sent];
    sockaddr_in6 name = out.to.name;
    socklen_t length = out.to.length;
    if (family_ == 6 && name.sin6_family == AF_INET) length = toMapped(name);
    if (family_ == 6) name.sin6_scope_id = scopeOf(out.to);
    const auto bytes = sendto(handle_, reinterpret_cast<const char*>(out.bytes), static_cast<int>(out.length), 0,
                              reinterpret_cast<const sockaddr*>(&name), length);
    if (bytes >= 0) continue;
    const int error = lastError();
    if (error == WOULD_BLOCK || error == NO_BUFFERS) return SendResult::Full;
    return error == TOO_LONG ? SendResult::TooLong : SendResult::Refused;
  }
  return SendResult::Sent;
}

}  // namespace tertulia
#endif
