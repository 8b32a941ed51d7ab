// Linux: many datagrams per system call, and answers from the address that was asked (IP_PKTINFO).
#if defined(__linux__) && !defined(TERTULIA_PLAIN_SOCKETS)
#include "socket.h"
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace tertulia {
namespace {

constexpr size_t CONTROL_BYTES = CMSG_SPACE(sizeof(in6_pktinfo)) > CMSG_SPACE(sizeof(in_pktinfo))
                                     ? CMSG_SPACE(sizeof(in6_pktinfo))
                                     : CMSG_SPACE(sizeof(in_pktinfo));
union Control {
  char bytes[CONTROL_BYTES];
  cmsghdr align;
};

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

/// Asks for a size and gives the usable one: Linux counts its own overhead and reports twice what it grants.
int setBuffer(int handle, int name, int bytes) {
  setsockopt(handle, SOL_SOCKET, name, &bytes, sizeof bytes);
  int granted = 0;
  socklen_t length = sizeof granted;
  getsockopt(handle, SOL_SOCKET, name, &granted, &length);
  return granted / 2;
}

void setOption(int handle, int level, int name, int value) { setsockopt(handle, level, name, &value, sizeof value); }

}  // namespace

OpenError UdpSocket::open(const std::string& ip, uint16_t port, int sendBuffer, int receiveBuffer) {
  sockaddr_in6 name;
  socklen_t length = parseIp(ip, port, name);
  if (length == 0) return {"BAD_ADDRESS", "'" + ip + "' is not an IP address"};
  const bool v6 = name.sin6_family == AF_INET6;
  const int handle = socket(name.sin6_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (handle < 0) return openError(errno, ip, port);
  if (v6) setOption(handle, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (bind(handle, reinterpret_cast<sockaddr*>(&name), length) != 0) {
    const int error = errno;
    ::close(handle);
    return openError(error, ip, port);
  }
  // PROBE: never fragment, and do not let a forged ICMP message shrink what we send.
  if (v6) {
    setOption(handle, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
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
  sendBuffer_ = setBuffer(handle, SO_SNDBUF, sendBuffer);
  receiveBuffer_ = setBuffer(handle, SO_RCVBUF, receiveBuffer);
  handle_ = handle;
  open_ = true;
  return {};
}

void UdpSocket::close() {
  if (open_) ::close(handle_);
  open_ = false;
}

size_t UdpSocket::receive(Incoming* incoming, size_t count) {
  mmsghdr messages[CALL_DATAGRAMS];
  iovec vectors[CALL_DATAGRAMS];
  sockaddr_in6 names[CALL_DATAGRAMS];
  Control controls[CALL_DATAGRAMS];
  for (size_t i = 0; i < count; i++) {
    vectors[i] = {incoming[i].bytes, SLOT_BYTES};
    msghdr& head = messages[i].msg_hdr;
    memset(&head, 0, sizeof head);
    head.msg_name = &names[i];
    head.msg_namelen = sizeof names[i];
    head.msg_iov = &vectors[i];
    head.msg_iovlen = 1;
    if (unspecified_) {
      head.msg_control = &controls[i];
      head.msg_controllen = sizeof controls[i];
    }
  }
  int got;
  do {
    got = recvmmsg(handle_, messages, static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return 0;

  for (int i = 0; i < got; i++) {
    msghdr& head = messages[i].msg_hdr;
    incoming[i].length = messages[i].msg_len;
    incoming[i].tooLong = head.msg_flags & MSG_TRUNC;
    incoming[i].from = toAddress(names[i]);
    if (!unspecified_) continue;
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
      incoming[i].from.bytes[1] = localNumber(local);
    }
  }
  return static_cast<size_t>(got);
}

SendResult UdpSocket::send(const Outgoing* outgoing, size_t count, size_t& sent) {
  mmsghdr messages[CALL_DATAGRAMS];
  iovec vectors[CALL_DATAGRAMS];
  sockaddr_in6 names[CALL_DATAGRAMS];
  Control controls[CALL_DATAGRAMS];
  for (size_t i = 0; i < count; i++) {
    const Outgoing& out = outgoing[i];
    vectors[i] = {const_cast<uint8_t*>(out.bytes), out.length};
    msghdr& head = messages[i].msg_hdr;
    memset(&head, 0, sizeof head);
    head.msg_name = const_cast<sockaddr_in6*>(&out.to.name);
    head.msg_namelen = out.to.length;
    head.msg_iov = &vectors[i];
    head.msg_iovlen = 1;
    if (family_ == 6) {
      if (const uint32_t scope = scopeOf(out.to)) {
        names[i] = out.to.name;
        names[i].sin6_scope_id = scope;
        head.msg_name = &names[i];
      }
    }
    if (out.to.local == 0 || out.to.local > locals_.size()) continue;
    const LocalAddress& local = locals_[out.to.local - 1];
    head.msg_control = &controls[i];
    cmsghdr* control = &controls[i].align;
    if (local.family == 4) {
      in_pktinfo info = {};
      memcpy(&info.ipi_spec_dst, local.bytes, 4);
      head.msg_controllen = CMSG_SPACE(sizeof info);
      control->cmsg_level = IPPROTO_IP;
      control->cmsg_type = IP_PKTINFO;
      control->cmsg_len = CMSG_LEN(sizeof info);
      memcpy(CMSG_DATA(control), &info, sizeof info);
    } else {
      in6_pktinfo info = {};
      memcpy(&info.ipi6_addr, local.bytes, 16);
      info.ipi6_ifindex = local.interfaceIndex;
      head.msg_controllen = CMSG_SPACE(sizeof info);
      control->cmsg_level = IPPROTO_IPV6;
      control->cmsg_type = IPV6_PKTINFO;
      control->cmsg_len = CMSG_LEN(sizeof info);
      memcpy(CMSG_DATA(control), &info, sizeof info);
    }
  }
  int taken;
  do {
    taken = sendmmsg(handle_, messages, static_cast<unsigned>(count), MSG_DONTWAIT);
  } while (taken < 0 && errno == EINTR);
  sent = taken > 0 ? static_cast<size_t>(taken) : 0;
  if (taken >= 0) return SendResult::Sent;  // fewer than asked: the next call tells why
  if (errno == EAGAIN || errno == EWOULDBLOCK) return SendResult::Full;
  return errno == EMSGSIZE ? SendResult::TooLong : SendResult::Refused;
}

}  // namespace tertulia
#endif
