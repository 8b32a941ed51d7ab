// Linux: many datagrams per system call, and answers from the address that was asked (IP_PKTINFO).
#if defined(__linux__) && !defined(TERTULIA_PLAIN_SOCKETS)
#include "socket_linux.h"
#include <cerrno>
#include <cstring>
#include <netinet/udp.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // linux/udp.h, since 4.18; older C libraries do not name it
#endif
#ifndef UDP_GRO
#define UDP_GRO 104  // since 5.0
#endif

namespace tertulia {
namespace {

constexpr size_t CONTROL_BYTES = CMSG_SPACE(sizeof(in6_pktinfo)) > CMSG_SPACE(sizeof(in_pktinfo))
                                     ? CMSG_SPACE(sizeof(in6_pktinfo))
                                     : CMSG_SPACE(sizeof(in_pktinfo));
union Control {
  char bytes[CONTROL_BYTES + CMSG_SPACE(sizeof(int))];  // and the length of segments
  cmsghdr align;
};

/// Datagrams that the kernel cuts out of one message (UDP GSO). It takes 64 of them, and 64 KiB with its headers.
constexpr size_t SEGMENTS_MAX = 64, SEGMENTS_BYTES_MAX = 65'000;

bool sameDestination(const Destination& a, const Destination& b) {
  return a.length == b.length && a.local == b.local && memcmp(&a.name, &b.name, sizeof a.name) == 0;
}

/// How many of these go to the first one's destination and are as long as it; the last of them may be shorter.
size_t segmentCount(const Outgoing* outgoing, size_t count) {
  const size_t length = outgoing[0].length;
  size_t segments = 1;
  for (; segments < count && segments < SEGMENTS_MAX && (segments + 1) * length <= SEGMENTS_BYTES_MAX; segments++) {
    const Outgoing& next = outgoing[segments];
    if (next.length > length || !sameDestination(next.to, outgoing[0].to)) break;
    if (next.length < length) return segments + 1;
  }
  return segments;
}

void addControl(msghdr& head, Control& control, int level, int type, const void* value, size_t length) {
  auto* at = reinterpret_cast<cmsghdr*>(control.bytes + head.msg_controllen);
  head.msg_control = control.bytes;
  head.msg_controllen += CMSG_SPACE(length);
  at->cmsg_level = level;
  at->cmsg_type = type;
  at->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(at), value, length);
}

void prepare(msghdr& head, iovec& vector, sockaddr_in6& name, Control* control) {
  memset(&head, 0, sizeof head);
  head.msg_name = &name;
  head.msg_namelen = sizeof name;
  head.msg_iov = &vector;
  head.msg_iovlen = 1;
  if (!control) return;
  head.msg_control = control;
  head.msg_controllen = sizeof *control;
}

size_t receiveMessages(int handle, mmsghdr* messages, size_t count) {
  int got;
  do {
    got = recvmmsg(handle, messages, static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
  } while (got < 0 && errno == EINTR);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace

OpenError openError(int error, const std::string& ip, uint16_t port) {
  const std::string where = ip + " port " + std::to_string(port);
  switch (error) {
    case EADDRINUSE:
      return {"ADDRESS_IN_USE", where + " is in use by another program"};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {"ADDRESS_NOT_AVAILABLE", where + " is no address of this machine"};
    case EACCES:
    case EPERM:
      return {"PERMISSION", where + " needs more rights"};
    case EMFILE:
    case ENFILE:
      return {"TOO_MANY_OPEN_FILES", where + " could not be opened: raise the limit of open files (ulimit -n)"};
    default:
      return {"SOCKET_FAILED", where + ": " + strerror(error)};
  }
}

int setBuffer(int handle, int name, int bytes) {
  setsockopt(handle, SOL_SOCKET, name, &bytes, sizeof bytes);
  return grantedBuffer(handle, name);
}

int grantedBuffer(int handle, int name) {
  int granted = 0;
  socklen_t length = sizeof granted;
  getsockopt(handle, SOL_SOCKET, name, &granted, &length);
  return granted / 2;
}

OpenError UdpSocket::open(const std::string& ip, uint16_t port, const OpenOptions& options) {
  sockaddr_in6 name;
  socklen_t length = parseIp(ip, port, name);
  if (length == 0) return {"BAD_ADDRESS", "'" + ip + "' is not an IP address"};
  const bool v6 = name.sin6_family == AF_INET6;
  const int handle = socket(name.sin6_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (handle < 0) return openError(errno, ip, port);
  if (v6) setOption(handle, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6Only);
  if (options.reusePort) setOption(handle, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(handle, reinterpret_cast<sockaddr*>(&name), length) != 0) {
    const int error = errno;
    ::close(handle);
    return openError(error, ip, port);
  }
  // PROBE: never fragment, and do not let a forged ICMP message shrink what we send.
  if (v6) {
    setOption(handle, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    if (!options.ipv6Only) setOption(handle, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  } else {
    setOption(handle, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  }
  unspecified_ = toAddress(name).bytes[4] == 0 && memcmp(toAddress(name).bytes + 4, toAddress(name).bytes + 5, 15) == 0;
  if (unspecified_) {
    if (v6) {
      setOption(handle, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    } else {
      setOption(handle, IPPROTO_IP, IP_PKTINFO, 1);
    }
  }
  length = sizeof name;
  getsockname(handle, reinterpret_cast<sockaddr*>(&name), &length);
  const Address bound = toAddress(name);
  port_ = readU16(bound.bytes + 2);
  scope_ = v6 ? name.sin6_scope_id : 0;
  family_ = bound.family();
  sendBuffer_ = setBuffer(handle, SO_SNDBUF, options.sendBuffer);
  receiveBuffer_ = setBuffer(handle, SO_RCVBUF, options.receiveBuffer);
  const int none = 0;
  segments_ = setsockopt(handle, SOL_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
  const int on = 1;
  if (options.coalesce && setsockopt(handle, SOL_UDP, UDP_GRO, &on, sizeof on) == 0) coalesced_ = std::make_unique<Coalesced>();
  handle_ = handle;
  open_ = true;
  return {};
}

void UdpSocket::close() {
  if (open_) ::close(handle_);
  open_ = false;
}

size_t UdpSocket::receive(Incoming* incoming, size_t count) {
  if (coalesced_) return receiveCoalesced(incoming, count);
  mmsghdr messages[CALL_DATAGRAMS];
  iovec vectors[CALL_DATAGRAMS];
  sockaddr_in6 names[CALL_DATAGRAMS];
  Control controls[CALL_DATAGRAMS];
  for (size_t i = 0; i < count; i++) {
    vectors[i] = {incoming[i].bytes, SLOT_BYTES};
    prepare(messages[i].msg_hdr, vectors[i], names[i], unspecified_ ? &controls[i] : nullptr);
  }
  const size_t got = receiveMessages(handle_, messages, count);
  for (size_t i = 0; i < got; i++) {
    const msghdr& head = messages[i].msg_hdr;
    incoming[i].length = messages[i].msg_len;
    incoming[i].tooLong = head.msg_flags & MSG_TRUNC;
    incoming[i].from = toAddress(names[i]);
    if (unspecified_) incoming[i].from.bytes[1] = localOf(head);
  }
  return got;
}

size_t UdpSocket::receiveCoalesced(Incoming* incoming, size_t count) {
  Coalesced& held = *coalesced_;
  size_t got = 0;
  while (got < count && (held.at < held.count || readMessages())) {
    Message& message = held.messages[held.at];
    const uint32_t left = message.length - message.at;
    const uint32_t length = left < message.segment ? left : message.segment;
    Incoming& in = incoming[got++];
    in.length = length;
    in.tooLong = message.truncated || length > SLOT_BYTES;
    in.from = message.from;
    if (!in.tooLong) memcpy(in.bytes, held.bytes[held.at] + message.at, length);
    message.at += length;
    if (message.at >= message.length) held.at++;
  }
  return got;
}

/// @return false when there is none
bool UdpSocket::readMessages() {
  Coalesced& held = *coalesced_;
  mmsghdr messages[COALESCED_MESSAGES];
  iovec vectors[COALESCED_MESSAGES];
  sockaddr_in6 names[COALESCED_MESSAGES];
  Control controls[COALESCED_MESSAGES];
  for (size_t i = 0; i < COALESCED_MESSAGES; i++) {
    vectors[i] = {held.bytes[i], COALESCED_BYTES};
    prepare(messages[i].msg_hdr, vectors[i], names[i], &controls[i]);
  }
  held.at = 0;
  held.count = receiveMessages(handle_, messages, COALESCED_MESSAGES);
  for (size_t i = 0; i < held.count; i++) {
    msghdr& head = messages[i].msg_hdr;
    const uint32_t length = messages[i].msg_len;
    held.messages[i] = {length, 0, length, (head.msg_flags & MSG_TRUNC) != 0, toAddress(names[i])};
    if (unspecified_) held.messages[i].from.bytes[1] = localOf(head);
    for (cmsghdr* control = CMSG_FIRSTHDR(&head); control; control = CMSG_NXTHDR(&head, control)) {
      if (control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO) continue;
      int segment;
      memcpy(&segment, CMSG_DATA(control), sizeof segment);
      if (segment > 0) held.messages[i].segment = static_cast<uint32_t>(segment);
    }
  }
  return held.count > 0;
}

uint8_t UdpSocket::localOf(const msghdr& message) {
  auto& head = const_cast<msghdr&>(message);  // the macros ask for it
  for (cmsghdr* control = CMSG_FIRSTHDR(&head); control; control = CMSG_NXTHDR(&head, control)) {
    LocalAddress local = {};
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof info);
      local.family = 4;
      memcpy(local.bytes, &info.ipi_spec_dst, 4);  // the interface may change with the routes, the address not
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof info);
      local.family = 6;
      memcpy(local.bytes, &info.ipi6_addr, 16);
      const bool linkLocal = local.bytes[0] == 0xfe && (local.bytes[1] & 0xc0) == 0x80;
      local.interfaceIndex = linkLocal ? info.ipi6_ifindex : 0;
    } else {
      continue;
    }
    return localNumber(local);
  }
  return 0;
}

SendResult UdpSocket::send(const Outgoing* outgoing, size_t count, size_t& sent) {
  const SendResult result = sendMessages(outgoing, count, segments_, sent);
  if (!segments_ || sent > 0 || (result != SendResult::Refused && result != SendResult::TooLong)) return result;
  if (segmentCount(outgoing, count) == 1) return result;
  // Perhaps it was the cutting: a device without checksums refuses it, and a path too narrow names no datagram.
  const SendResult plain = sendMessages(outgoing, count, false, sent);
  if (result == SendResult::Refused && sent > 0) segments_ = false;
  return plain;
}

SendResult UdpSocket::sendMessages(const Outgoing* outgoing, size_t count, bool segmented, size_t& sent) {
  mmsghdr messages[CALL_DATAGRAMS];
  size_t datagrams[CALL_DATAGRAMS];  // of each message
  iovec vectors[CALL_DATAGRAMS];
  sockaddr_in6 names[CALL_DATAGRAMS];
  Control controls[CALL_DATAGRAMS];
  size_t made = 0;
  for (size_t i = 0; i < count; i += datagrams[made++]) {
    const Outgoing& out = outgoing[i];
    datagrams[made] = segmented ? segmentCount(outgoing + i, count - i) : 1;
    for (size_t k = i; k < i + datagrams[made]; k++) vectors[k] = {const_cast<uint8_t*>(outgoing[k].bytes), outgoing[k].length};
    msghdr& head = messages[made].msg_hdr;
    memset(&head, 0, sizeof head);
    head.msg_name = const_cast<sockaddr_in6*>(&out.to.name);
    head.msg_namelen = out.to.length;
    head.msg_iov = &vectors[i];
    head.msg_iovlen = datagrams[made];
    if (family_ == 6) {
      if (const uint32_t scope = scopeOf(out.to)) {
        names[made] = out.to.name;
        names[made].sin6_scope_id = scope;
        head.msg_name = &names[made];
      }
    }
    if (out.to.local != 0 && out.to.local <= locals_.size()) {
      const LocalAddress& local = locals_[out.to.local - 1];
      if (local.family == 4) {
        in_pktinfo info = {};
        memcpy(&info.ipi_spec_dst, local.bytes, 4);
        addControl(head, controls[made], IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
      } else {
        in6_pktinfo info = {};
        memcpy(&info.ipi6_addr, local.bytes, 16);
        info.ipi6_ifindex = local.interfaceIndex;
        addControl(head, controls[made], IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
      }
    }
    if (datagrams[made] > 1) {
      const auto length = static_cast<uint16_t>(out.length);
      addControl(head, controls[made], SOL_UDP, UDP_SEGMENT, &length, sizeof length);
    }
  }
  int taken;
  do {
    taken = sendmmsg(handle_, messages, static_cast<unsigned>(made), MSG_DONTWAIT);
  } while (taken < 0 && errno == EINTR);
  sent = 0;
  for (int i = 0; i < taken; i++) sent += datagrams[i];
  if (taken >= 0) return SendResult::Sent;  // fewer than asked: the next call tells why
  if (errno == EAGAIN || errno == EWOULDBLOCK) return SendResult::Full;
  return errno == EMSGSIZE ? SendResult::TooLong : SendResult::Refused;
}

}  // namespace tertulia
#endif
