// An engine that JavaScript holds: where the core, the event loop and the one call into JavaScript per batch meet.
// Knows no packets. Elsewhere: methods of the class `Engine` → addon_engine.cc, addon_video.cc · packets → core.h
#pragma once
#include <memory>
#include "addon.h"
#include "core.h"
#include "poller.h"

namespace tertulia {

class EngineObject : public PollerOwner {
 public:
  static constexpr napi_type_tag TAG = {0x51d8e6f20a7b4c93, 0xb6a94f1e83d07c25};

  EngineObject(napi_env env, const Call& call);
  ~EngineObject() override;

  bool closed() const { return !core_; }
  Core& core() { return *core_; }
  bool memory() const { return memory_; }
  napi_value arrays() const;
  uint64_t now() const { return memory_ ? nowMicros_ : monotonicMicros(); }
  void setNow(uint64_t nowMicros) { nowMicros_ = nowMicros; }

  napi_value start(napi_value onBatch, uint32_t readEveryMs);
  napi_value bind(const Call& call);
  napi_value bindTcp(const Call& call);
  void unbind(uint32_t socket);
  uint32_t flush(uint32_t commands);
  /// Sends what one call staged, unless a batch will.
  void sendSoon() {
    if (!inBatch_) sendNow();
  }
  /// RTP that a peer without an address sends. @return whether it became a row
  napi_value deliver(uint32_t peer, const Call::Bytes& bytes);
  napi_value inject(const Call::Bytes& packed, uint32_t count, uint64_t nowMicros);
  /// All that the sockets hold, now. @return datagrams
  napi_value read();
  void close();

  size_t onReadable(bool told) override;
  void onWritable(uint32_t socket) override;
  bool wantsWrite(uint32_t socket) override { return core_ && core_->transmitter().waiting(socket); }
  void onWakeup() override { core_->counters().wakeups++; }
  bool holdsDatagrams() const override;
  bool onPace() override;
  /// What pacers hold back and is due goes out; the rest is waited for. @return microseconds until then, -1: nothing waits
  double poll();

 private:
  /// What the caller gets of a socket that now has a number; it is polled from now on.
  template <typename Socket>
  napi_value describe(const std::string& ip, uint32_t number, const Socket& socket);
  enum Array { SLAB, ROWS, COMMANDS, ENTRIES, FREE_SLOTS, SLOT_HOLDERS, ARRAYS };
  void* makeArray(Array which, size_t bytes);
  void sendNow();
  void watchWaiting();
  /// Rows → onBatch → commands → out. @return false when onBatch threw; the exception is pending then
  /// `called`: from within a call of JavaScript, not from the event loop.
  bool runBatch(uint64_t nowMicros, bool called);
  /// As many datagrams as fit a batch. `told`: onBatch is called even if there are none. @return whether there may be more
  bool readBatch(bool told, bool called, size_t& total);
  void reportException();

  napi_env env_;
  bool memory_;
  bool inBatch_ = false, closeAfterBatch_ = false;
  uint64_t nowMicros_ = 0;
  napi_ref arrays_[ARRAYS] = {};
  napi_ref onBatch_ = nullptr, resource_ = nullptr;
  napi_async_context async_ = nullptr;
  Shared shared_;
  std::unique_ptr<Core> core_;
  Poller* poller_ = nullptr;
};

}  // namespace tertulia
