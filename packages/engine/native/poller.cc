#include "poller.h"

namespace tertulia {

Poller::Poller(napi_env env, uv_loop_t* loop, PollerOwner* owner, uint32_t readEveryMs)
    : loop_(loop), owner_(owner), readEveryMs_(readEveryMs) {
  // A thread or process that ends with an open handle would abort.
  napi_add_async_cleanup_hook(env, onCleanup, this, &hook_);
  uv_timer_init(loop_, &timer_);
  timer_.data = this;
  uv_timer_init(loop_, &paceTimer_);
  paceTimer_.data = this;
  open_ = 2;
}

bool Poller::add(uint32_t socket, SocketHandle handle) {
  auto* added = new Handle;
  added->poll.data = added;
  added->poller = this;
  added->socket = socket;
  added->events = 0;
  if (uv_poll_init_socket(loop_, &added->poll, handle) != 0) {
    delete added;
    return false;
  }
  open_++;
  if (socket >= handles_.size()) handles_.resize(socket + 1);
  handles_[socket] = added;
  watch(*added);
  return true;
}

void Poller::remove(uint32_t socket) {
  if (socket >= handles_.size() || !handles_[socket]) return;
  Handle* handle = handles_[socket];
  handles_[socket] = nullptr;
  uv_poll_stop(&handle->poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle->poll), [](uv_handle_t* closed) {
    auto* gone = static_cast<Handle*>(closed->data);
    Poller* poller = gone->poller;
    delete gone;
    poller->onClosed();
  });
}

void Poller::update(uint32_t socket) {
  if (socket < handles_.size() && handles_[socket]) watch(*handles_[socket]);
}

void Poller::watch(Handle& handle) {
  const int events = (fromTimer_ ? 0 : UV_READABLE) | (owner_->wantsWrite(handle.socket) ? UV_WRITABLE : 0);
  if (events == handle.events) return;
  handle.events = events;
  if (events) {
    uv_poll_start(&handle.poll, events, onPoll);
  } else {
    uv_poll_stop(&handle.poll);
  }
}

void Poller::watchAll() {
  for (Handle* handle : handles_) {
    if (handle) watch(*handle);
  }
}

void Poller::onPoll(uv_poll_t* poll, int, int events) {
  auto* handle = static_cast<Handle*>(poll->data);
  Poller& self = *handle->poller;
  if (self.closing_) return;
  if (events & UV_WRITABLE) {
    self.owner_->onWritable(handle->socket);
    self.watch(*handle);
  }
  // An error status is read away like anything else.
  if (!(events & UV_READABLE) && events != 0) return;
  self.owner_->onWakeup();
  if (self.readEveryMs_ > 0) {
    self.readFromTimer();
    return;
  }
  const uint64_t now = uv_hrtime();
  const bool busy = now - self.lastWakeupNanos_ < BUSY_GAP_NANOS;
  self.lastWakeupNanos_ = now;
  const size_t read = self.owner_->onReadable(false);
  if (self.closing_) return;
  if ((busy && read > 0) || self.owner_->holdsDatagrams()) self.readFromTimer();
}

void Poller::readFromTimer() {
  const uint64_t interval = readEveryMs_ > 0 ? readEveryMs_ : TIMER_MS;
  fromTimer_ = true;
  quietRounds_ = 0;
  watchAll();
  uv_timer_start(&timer_, onTimer, interval, interval);
}

void Poller::onTimer(uv_timer_t* timer) {
  Poller& self = *static_cast<Poller*>(timer->data);
  if (self.closing_) return;
  const uint64_t every = self.readEveryMs_;
  const size_t read = self.owner_->onReadable(every > 0);
  if (self.closing_) return;
  const bool quiet = every > 0 ? read == 0 : read <= 1;
  self.quietRounds_ = quiet ? self.quietRounds_ + 1 : 0;
  if (every > 0 && read >= MUCH) uv_timer_start(timer, onTimer, 0, every);
  if (every > 0 ? self.quietRounds_ * every < QUIET_MS : self.quietRounds_ < QUIET_ROUNDS) return;
  self.fromTimer_ = false;
  uv_timer_stop(timer);
  self.watchAll();
}

void Poller::pace() {
  if (pacing_ || closing_) return;
  pacing_ = true;
  uv_timer_start(&paceTimer_, onPaceTimer, PACE_MS, PACE_MS);
}

void Poller::onPaceTimer(uv_timer_t* timer) {
  Poller& self = *static_cast<Poller*>(timer->data);
  if (self.closing_ || self.owner_->onPace()) return;
  self.pacing_ = false;
  uv_timer_stop(timer);
}

void Poller::shutdown() {
  owner_ = nullptr;
  if (closing_ && open_ == 0) {
    delete this;
  } else {
    closeAll();
  }
}

void Poller::closeAll() {
  if (closing_) return;
  closing_ = true;
  for (uint32_t socket = 0; socket < handles_.size(); socket++) remove(socket);
  for (uv_timer_t* timer : {&timer_, &paceTimer_}) {
    uv_timer_stop(timer);
    uv_close(reinterpret_cast<uv_handle_t*>(timer),
             [](uv_handle_t* closed) { static_cast<Poller*>(closed->data)->onClosed(); });
  }
}

/// One libuv handle less. After the last one nothing refers to this object but its owner.
void Poller::onClosed() {
  if (--open_ > 0) return;
  if (hook_) napi_remove_async_cleanup_hook(hook_);
  hook_ = nullptr;
  if (!owner_) delete this;
}

void Poller::onCleanup(napi_async_cleanup_hook_handle, void* data) { static_cast<Poller*>(data)->closeAll(); }

}  // namespace tertulia
