// Waits for an engine's sockets on Node's event loop and says when to read or write.
// A quiet socket wakes the loop; a busy one is read from a 2 ms timer instead, because one wake-up per datagram costs more
// than the datagram. Who has time gives a longer interval: a datagram then only starts the timer. Knows libuv and the cleanup
// of a Node environment; does not know packets.
// It outlives its owner until libuv has closed its handles, and then deletes itself.
#pragma once
#include <node_api.h>
#include <uv.h>
#include <memory>
#include <vector>
#include "socket.h"

namespace tertulia {

class PollerOwner {
 public:
  virtual ~PollerOwner() = default;
  /// Read all sockets. @param told onBatch is called even if there is nothing @return datagrams read
  virtual size_t onReadable(bool told) = 0;
  virtual void onWritable(uint32_t socket) = 0;
  virtual bool wantsWrite(uint32_t socket) = 0;
  virtual void onWakeup() = 0;
  /// Read from the kernel, but not handled yet.
  virtual bool holdsDatagrams() const = 0;
  /// What a pacer holds back may be due. @return whether to come again
  virtual bool onPace() = 0;
};

class Poller {
 public:
  /// `readEveryMs`: sockets are read so often until a second has brought nothing; 0 = at once, and each 2 ms when there is much.
  Poller(napi_env env, uv_loop_t* loop, PollerOwner* owner, uint32_t readEveryMs);

  /// @return false when libuv refuses the handle
  bool add(uint32_t socket, SocketHandle handle);
  /// Before the socket itself is closed.
  void remove(uint32_t socket);
  /// Something waits for room in the kernel's buffer, or no longer does.
  void update(uint32_t socket);
  /// onPace() is called each millisecond until it says no.
  void pace();
  /// The owner goes away. Must be called once; the object is not used afterwards.
  void shutdown();

 private:
  /// Two wake-ups within two milliseconds: from then on the timer reads.
  static constexpr uint64_t BUSY_GAP_NANOS = 2'000'000;
  /// What it costs in delay, half of it on average; a tenth of an audio packet.
  static constexpr uint64_t TIMER_MS = 2;
  /// So many timer rounds with at most one datagram each: the sockets wake the loop again.
  static constexpr unsigned QUIET_ROUNDS = 4;
  /// The same where the interval is the caller's, who does other things at each reading and may have to finish some.
  static constexpr uint64_t QUIET_MS = 1000;
  /// More than that in one go: the rest of it is read at once, not after an interval.
  static constexpr size_t MUCH = 512;
  static constexpr uint64_t PACE_MS = 1;  // libuv's finest; a fifth of the pacers' burst

  struct Handle {
    uv_poll_t poll;
    Poller* poller;
    uint32_t socket;
    int events;
  };
  ~Poller() = default;
  void readFromTimer();
  void watch(Handle& handle);
  void watchAll();
  void closeAll();
  void onClosed();
  static void onPoll(uv_poll_t* poll, int status, int events);
  static void onTimer(uv_timer_t* timer);
  static void onPaceTimer(uv_timer_t* timer);
  static void onCleanup(napi_async_cleanup_hook_handle hook, void* data);

  uv_loop_t* loop_;
  PollerOwner* owner_;
  const uint64_t readEveryMs_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_timer_t timer_;
  uv_timer_t paceTimer_;
  std::vector<Handle*> handles_;
  size_t open_ = 0;  // libuv handles that are not closed yet
  bool closing_ = false;
  bool fromTimer_ = false;
  bool pacing_ = false;
  unsigned quietRounds_ = 0;
  uint64_t lastWakeupNanos_ = 0;
};

}  // namespace tertulia
