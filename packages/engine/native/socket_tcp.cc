#include "socket_tcp.h"
#include "classify.h"
#if defined(__linux__) && !defined(TERTULIA_PLAIN_SOCKETS)
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include "socket_linux.h"

#ifndef TCP_NOTSENT_LOWAT
#define TCP_NOTSENT_LOWAT 25  // linux/tcp.h, since 3.12
#endif

namespace tertulia {
namespace {

constexpr size_t LENGTH_BYTES = 2;
/// What one call of serve() looks at: as many rows as a batch has.
constexpr int EVENTS_MAX = BATCH_ROWS;
constexpr int ACCEPTS_MAX = 64, BACKLOG = 512;
/// How exactly the time of unverified connections is kept; also when accepting is tried again after it could not be done.
constexpr uint64_t TICKS = 10, TICK_MICROS_MIN = 10'000, TICK_MICROS_MAX = 1'000'000;
/// Frames of one write.
constexpr size_t WRITE_FRAMES = CALL_DATAGRAMS;

void closeHandle(int& handle) {
  if (handle >= 0) ::close(handle);
  handle = -1;
}

bool wouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

TcpListener::~TcpListener() {
  while (!connections_.empty()) endConnection(*connections_.begin()->second);
  for (int* handle : {&listen_, &timer_, &wake_, &epoll_}) closeHandle(*handle);
}

OpenError TcpListener::open(const std::string& ip, uint16_t port, const OpenOptions& options) {
  sockaddr_in6 name;
  socklen_t length = parseIp(ip, port, name);
  if (length == 0) return {"BAD_ADDRESS", "'" + ip + "' is not an IP address"};
  options_ = options;
  listen_ = socket(name.sin6_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listen_ < 0) return openError(errno, ip, port);
  // A restarted server must not wait for connections of before to time out.
  setOption(listen_, SOL_SOCKET, SO_REUSEADDR, 1);
  if (name.sin6_family == AF_INET6) setOption(listen_, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6Only);
  // Connections inherit these; the receive window is agreed on before accept(). 0: the kernel adapts them itself.
  if (options.sendBuffer > 0) setBuffer(listen_, SO_SNDBUF, options.sendBuffer);
  if (options.receiveBuffer > 0) setBuffer(listen_, SO_RCVBUF, options.receiveBuffer);
  if (bind(listen_, reinterpret_cast<sockaddr*>(&name), length) != 0 || listen(listen_, BACKLOG) != 0) {
    return openError(errno, ip, port);
  }
  length = sizeof name;
  getsockname(listen_, reinterpret_cast<sockaddr*>(&name), &length);
  port_ = readU16(toAddress(name).bytes + 2);
  sendBuffer_ = grantedBuffer(listen_, SO_SNDBUF);
  receiveBuffer_ = grantedBuffer(listen_, SO_RCVBUF);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_ < 0 || timer_ < 0 || wake_ < 0) return openError(errno, ip, port);
  for (int* handle : {&listen_, &timer_, &wake_}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = handle;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, *handle, &event);
  }
  buffer_.resize(LENGTH_BYTES + SLOT_BYTES + TCP_READ_BYTES);
  return {};
}

TcpListener::Connection* TcpListener::find(const Address& address) const {
  const auto found = connections_.find(keyOf(address));
  return found == connections_.end() ? nullptr : found->second.get();
}

// ---- what there is to do ----

bool TcpListener::serve(TcpSink& sink, uint64_t nowMicros) {
  while (!ended_.empty() && sink.onClosed(ended_.front())) ended_.pop_front();
  std::vector<Connection*> waiting;
  waiting.swap(pending_);
  for (Connection* connection : waiting) {
    std::vector<uint8_t> bytes;
    bytes.swap(connection->in);
    take(*connection, bytes.data(), bytes.size(), sink);
  }
  if (pending_.empty() && ended_.empty()) {
    epoll_event events[EVENTS_MAX];
    const int count = epoll_wait(epoll_, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
      void* what = events[i].data.ptr;
      if (what == &listen_) {
        accept(nowMicros);
      } else if (what == &timer_) {
        onTick(nowMicros);
      } else if (what != &wake_) {
        auto& connection = *static_cast<Connection*>(what);
        if (connection.handle >= 0 && (events[i].events & EPOLLOUT)) drain(connection);
        // Once there is no room, the kernel holds what comes.
        const bool readable = (events[i].events & ~static_cast<uint32_t>(EPOLLOUT)) != 0;
        if (connection.handle >= 0 && readable && pending_.empty()) read(connection, sink);
      }
    }
    while (!ended_.empty() && sink.onClosed(ended_.front())) ended_.pop_front();
  }
  graves_.clear();
  const bool more = !pending_.empty() || !ended_.empty();
  setAwake(more);
  return more;
}

/// What waits here is not readable anywhere else.
void TcpListener::setAwake(bool awake) {
  if (awake == awake_) return;
  awake_ = awake;
  uint64_t value = 1;
  const ssize_t done = awake ? ::write(wake_, &value, sizeof value) : ::read(wake_, &value, sizeof value);
  static_cast<void>(done);  // neither can fail: the counter is 0 or 1
}

void TcpListener::setTimer() {
  const bool wanted = !unverified_.empty() || !accepting_;
  if (wanted == ticking_) return;
  ticking_ = wanted;
  itimerspec time = {};
  const uint64_t tick = std::clamp<uint64_t>(options_.unverifiedMicros / TICKS, TICK_MICROS_MIN, TICK_MICROS_MAX);
  if (wanted) time.it_value = {static_cast<time_t>(tick / 1'000'000), static_cast<long>(tick % 1'000'000 * 1000)};
  time.it_interval = time.it_value;
  timerfd_settime(timer_, 0, &time, nullptr);
}

void TcpListener::onTick(uint64_t nowMicros) {
  uint64_t times;
  const ssize_t got = ::read(timer_, &times, sizeof times);
  static_cast<void>(got);
  while (!unverified_.empty()) {
    Connection& oldest = *unverified_.begin()->second;
    if (nowMicros < oldest.sinceMicros + options_.unverifiedMicros) break;
    counters_.drop(Drop::TcpUnverified);
    endConnection(oldest);
  }
  if (!accepting_) {
    accepting_ = true;
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = &listen_;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, listen_, &event);
  }
  setTimer();
}

// ---- connections ----

void TcpListener::accept(uint64_t nowMicros) {
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    sockaddr_in6 name = {};
    socklen_t length = sizeof name;
    const int handle = accept4(listen_, reinterpret_cast<sockaddr*>(&name), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (handle >= 0) {
      add(handle, toAddress(name), nowMicros);
    } else if (wouldBlock()) {
      break;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // It would stay readable and keep us busy for nothing: again at the next tick.
      counters_.drop(Drop::TcpLimit);
      accepting_ = false;
      epoll_event event = {};
      event.data.ptr = &listen_;
      epoll_ctl(epoll_, EPOLL_CTL_MOD, listen_, &event);
      break;
    }
    // Anything else is about one connection that has gone meanwhile.
  }
  setTimer();
}

void TcpListener::add(int handle, const Address& from, uint64_t nowMicros) {
  if (connections_.size() >= TCP_CONNECTIONS_MAX || unverified_.size() >= TCP_UNVERIFIED_MAX) {
    if (unverified_.empty()) {
      counters_.drop(Drop::TcpLimit);
      ::close(handle);
      return;
    }
    counters_.drop(Drop::TcpUnverified);
    endConnection(*unverified_.begin()->second);
  }
  setOption(handle, IPPROTO_TCP, TCP_NODELAY, 1);
  setOption(handle, IPPROTO_TCP, TCP_NOTSENT_LOWAT, TCP_UNSENT_BYTES);
  auto made = std::make_unique<Connection>();
  Connection& connection = *made;
  connection.handle = handle;
  connection.address = from;
  do {
    if (++lastNumber_ == 0) lastNumber_ = 1;
    connection.address.bytes[1] = lastNumber_;
  } while (has(connection.address));
  connections_.emplace(keyOf(connection.address), std::move(made));
  counters_.tcpAccepted++;
  counters_.tcpConnections++;
  makeUnverified(connection, nowMicros);
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, handle, &event);
}

void TcpListener::makeUnverified(Connection& connection, uint64_t nowMicros) {
  connection.sinceMicros = nowMicros;
  connection.frames = 0;
  connection.unverified = ++lastUnverified_;
  unverified_.emplace(connection.unverified, &connection);
}

void TcpListener::setVerified(const Address& address, bool verified, uint64_t nowMicros) {
  Connection* connection = find(address);
  if (!connection || verified == (connection->unverified == 0)) return;
  if (verified) {
    unverified_.erase(connection->unverified);
    connection->unverified = 0;
  } else {
    makeUnverified(*connection, nowMicros);
  }
  setTimer();
}

void TcpListener::end(const Address& address) {
  Connection* connection = find(address);
  if (!connection) return;
  setVerified(address, false, 0);  // nobody waits for the news
  endConnection(*connection);
}

void TcpListener::endConnection(Connection& connection) {
  closeHandle(connection.handle);
  if (connection.unverified) {
    unverified_.erase(connection.unverified);
  } else {
    ended_.push_back(connection.address);
    setAwake(true);
  }
  counters_.drop(Drop::SocketClosed, connection.out.size());
  counters_.tcpQueuedBytes -= connection.outBytes;
  queuedBytes_ -= connection.outBytes;
  counters_.tcpConnections--;
  pending_.erase(std::remove(pending_.begin(), pending_.end(), &connection), pending_.end());
  const auto found = connections_.find(keyOf(connection.address));
  graves_.push_back(std::move(found->second));
  connections_.erase(found);
}

// ---- in ----

void TcpListener::read(Connection& connection, TcpSink& sink) {
  const size_t before = connection.in.size();
  memcpy(buffer_.data(), connection.in.data(), before);
  const ssize_t got = recv(connection.handle, buffer_.data() + before, TCP_READ_BYTES, 0);
  counters_.receiveCalls++;
  if (got > 0) {
    connection.in.clear();
    take(connection, buffer_.data(), before + static_cast<size_t>(got), sink);
  } else if (got == 0 || (!wouldBlock() && errno != EINTR)) {
    endConnection(connection);
  }
}

void TcpListener::take(Connection& connection, const uint8_t* bytes, size_t length, TcpSink& sink) {
  size_t at = 0;
  while (length - at >= LENGTH_BYTES) {
    const uint32_t frame = readU16(bytes + at);
    const uint8_t* content = bytes + at + LENGTH_BYTES;
    // No datagram is longer: whoever talks here does not talk RFC 4571.
    bool garbage = frame > SLOT_BYTES;
    if (!garbage && length - at - LENGTH_BYTES < frame) break;
    if (!garbage && frame > 0 && connection.unverified) {
      const Classified classified = classify(content, frame);
      garbage = classified.kind != KIND_STUN || classified.drop != Drop::Count;
    }
    if (garbage) {
      counters_.drop(Drop::TcpGarbage);
      endConnection(connection);
      return;
    }
    // An empty frame keeps a path open and says nothing.
    if (frame > 0 && !sink.onFrame(connection.address, content, frame)) {
      pending_.push_back(&connection);
      break;
    }
    at += LENGTH_BYTES + frame;
    if (connection.unverified && ++connection.frames > TCP_UNVERIFIED_FRAMES_MAX) {
      counters_.drop(Drop::TcpUnverified);
      endConnection(connection);
      return;
    }
  }
  connection.in.assign(bytes + at, bytes + length);
}

// ---- out ----

void TcpListener::send(const Outgoing* outgoing, size_t count) {
  for (size_t i = 0; i < count;) {
    const Destination& to = outgoing[i].to;
    size_t run = 1;
    while (i + run < count && outgoing[i + run].to.local == to.local &&
           memcmp(&outgoing[i + run].to.name, &to.name, sizeof to.name) == 0) {
      run++;
    }
    Address address = toAddress(to.name);
    address.bytes[1] = to.local;
    if (Connection* connection = find(address)) {
      write(*connection, outgoing + i, run);
    } else {
      counters_.drop(Drop::SocketClosed, run);
    }
    i += run;
  }
}

/// At most WRITE_FRAMES, as many as a call of the transmitter has.
void TcpListener::write(Connection& connection, const Outgoing* outgoing, size_t count) {
  size_t written = 0;
  if (connection.out.empty()) {
    uint8_t lengths[WRITE_FRAMES][LENGTH_BYTES];
    iovec vectors[2 * WRITE_FRAMES];
    for (size_t i = 0; i < count; i++) {
      writeU16(lengths[i], static_cast<uint16_t>(outgoing[i].length));
      vectors[2 * i] = {lengths[i], LENGTH_BYTES};
      vectors[2 * i + 1] = {const_cast<uint8_t*>(outgoing[i].bytes), outgoing[i].length};
    }
    msghdr head = {};
    head.msg_iov = vectors;
    head.msg_iovlen = 2 * count;
    const ssize_t taken = sendmsg(connection.handle, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
    counters_.sendCalls++;
    if (taken < 0 && !wouldBlock() && errno != EINTR) {
      // The connection has ended; reading tells.
      counters_.sendErrors++;
      counters_.drop(Drop::SendError, count);
      return;
    }
    written = taken > 0 ? static_cast<size_t>(taken) : 0;
  }
  for (size_t i = 0; i < count; i++) {
    const size_t length = LENGTH_BYTES + outgoing[i].length;
    if (written >= length) {
      written -= length;
      counters_.sent++;
      counters_.sentBytes += outgoing[i].length;
    } else {
      enqueue(connection, outgoing[i], written);
      written = 0;
    }
  }
  if (!connection.out.empty()) watch(connection);
}

/// `gone`: bytes of the frame that the kernel has; the rest must follow, or the stream makes no sense.
void TcpListener::enqueue(Connection& connection, const Outgoing& out, size_t gone) {
  const size_t length = LENGTH_BYTES + out.length;
  if (gone == 0) {
    if (connection.outBytes + length > TCP_QUEUE_BYTES_MAX || queuedBytes_ + length > TCP_QUEUES_BYTES_MAX) {
      counters_.drop(Drop::TcpFull);
      return;
    }
  } else {
    connection.outAt = gone;
  }
  std::vector<uint8_t> frame(length);
  writeU16(frame.data(), static_cast<uint16_t>(out.length));
  memcpy(frame.data() + LENGTH_BYTES, out.bytes, out.length);
  connection.out.push_back(std::move(frame));
  connection.outBytes += length;
  queuedBytes_ += length;
  counters_.tcpQueuedBytes += length;
}

void TcpListener::drain(Connection& connection) {
  while (!connection.out.empty()) {
    iovec vectors[WRITE_FRAMES];
    size_t count = 0;
    for (std::vector<uint8_t>& frame : connection.out) {
      const size_t gone = count == 0 ? connection.outAt : 0;
      vectors[count++] = {frame.data() + gone, frame.size() - gone};
      if (count == WRITE_FRAMES) break;
    }
    msghdr head = {};
    head.msg_iov = vectors;
    head.msg_iovlen = count;
    const ssize_t taken = sendmsg(connection.handle, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
    counters_.sendCalls++;
    if (taken <= 0) break;  // full, or ended: reading tells
    size_t written = connection.outAt + static_cast<size_t>(taken);
    while (!connection.out.empty() && written >= connection.out.front().size()) {
      const size_t length = connection.out.front().size();
      written -= length;
      connection.outBytes -= length;
      queuedBytes_ -= length;
      counters_.tcpQueuedBytes -= length;
      counters_.sent++;
      counters_.sentBytes += length - LENGTH_BYTES;
      connection.out.pop_front();
    }
    connection.outAt = written;
  }
  watch(connection);
}

void TcpListener::watch(Connection& connection) {
  const bool wanted = !connection.out.empty();
  if (wanted == connection.wantsWrite) return;
  connection.wantsWrite = wanted;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLRDHUP | (wanted ? uint32_t{EPOLLOUT} : 0);
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.handle, &event);
}

}  // namespace tertulia

#else

namespace tertulia {

TcpListener::~TcpListener() = default;
OpenError TcpListener::open(const std::string&, uint16_t, const OpenOptions&) {
  return {"NOT_SUPPORTED", "ICE-TCP is there on Linux only"};
}
bool TcpListener::serve(TcpSink&, uint64_t) { return false; }
void TcpListener::send(const Outgoing*, size_t) {}
void TcpListener::setVerified(const Address&, bool, uint64_t) {}
void TcpListener::end(const Address&) {}

}  // namespace tertulia
#endif
