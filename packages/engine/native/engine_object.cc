#include "engine_object.h"

namespace tertulia {
namespace {

/// Batches per wake-up: 1,024 datagrams, then timers and other sockets of the process have their turn.
constexpr int BATCHES_PER_WAKEUP = 4;
/// The same when the caller asks for all that is there: as much as a kernel's buffer of 16 MiB holds.
constexpr int BATCHES_PER_READ = 64;

}  // namespace

EngineObject::EngineObject(napi_env env, const Call& call) : env_(env), memory_(call.boolean(0)) {
  shared_.slots = call.u32(1);
  shared_.entryCapacity = call.u32(2);
  shared_.commandCapacity = call.u32(3);
  const size_t word = sizeof(uint32_t);
  shared_.slab = static_cast<uint8_t*>(makeArray(SLAB, shared_.memoryBytes()));
  shared_.rows = static_cast<uint32_t*>(makeArray(ROWS, BATCH_ROWS * ROW_WORDS * word));
  shared_.commands = static_cast<uint32_t*>(makeArray(COMMANDS, size_t{shared_.commandCapacity} * COMMAND_WORDS * word));
  shared_.entries = static_cast<uint32_t*>(makeArray(ENTRIES, size_t{shared_.entryCapacity} * ENTRY_WORDS * word));
  shared_.freeSlots = static_cast<uint32_t*>(makeArray(FREE_SLOTS, (size_t{shared_.slots} + 1) * word));
  shared_.slotHolders = static_cast<uint32_t*>(makeArray(SLOT_HOLDERS, size_t{shared_.slots} * word));
  bool complete = true;
  for (napi_ref array : arrays_) complete &= array != nullptr;
  if (complete) core_ = std::make_unique<Core>(shared_, memory_, call.u32(4));
}

EngineObject::~EngineObject() {
  inBatch_ = false;
  close();
}

void* EngineObject::makeArray(Array which, size_t bytes) {
  void* data = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env_, bytes, &data, &buffer) != napi_ok) return nullptr;
  napi_create_reference(env_, buffer, 1, &arrays_[which]);
  return data;
}

napi_value EngineObject::arrays() const {
  static const char* const NAMES[] = {"slab", "rows", "commands", "entries", "freeSlots", "slotHolders"};
  napi_value object, value;
  napi_create_object(env_, &object);
  for (int i = 0; i < ARRAYS; i++) {
    napi_get_reference_value(env_, arrays_[i], &value);
    setProperty(env_, object, NAMES[i], value);
  }
  return object;
}

// ---- sockets ----

napi_value EngineObject::start(napi_value onBatch, uint32_t readEveryMs) {
  if (onBatch_) return throwCode(env_, "ALREADY_STARTED", "start was called before");
  napi_value resource;
  napi_create_object(env_, &resource);
  napi_create_reference(env_, resource, 1, &resource_);
  napi_async_init(env_, resource, toValue(env_, std::string("TERTULIA_ENGINE")), &async_);
  napi_create_reference(env_, onBatch, 1, &onBatch_);
  if (memory_) return undefined(env_);
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env_, &loop);
  poller_ = new Poller(env_, loop, this, readEveryMs);
  Transmitter& transmitter = core_->transmitter();
  for (uint32_t i = 0; i < transmitter.socketCount(); i++) {
    if (const UdpSocket* socket = transmitter.socket(i)) poller_->add(i, socket->handle());
    if (const TcpListener* listener = transmitter.listener(i)) poller_->add(i, listener->handle());
  }
  return undefined(env_);
}

namespace {

OpenOptions openOptions(const Call& call) {
  return {static_cast<int>(call.u32(2)), static_cast<int>(call.u32(3)), call.boolean(4), call.boolean(5), false, 0};
}

}  // namespace

napi_value EngineObject::bind(const Call& call) {
  auto socket = std::make_unique<UdpSocket>();
  OpenOptions options = openOptions(call);
  options.coalesce = call.boolean(6);
  const OpenError error = socket->open(call.text(0), static_cast<uint16_t>(call.u32(1)), options);
  if (error.code) return throwCode(env_, error.code, error.detail);
  const UdpSocket& opened = *socket;
  return describe(call.text(0), core_->transmitter().addSocket(std::move(socket)), opened);
}

napi_value EngineObject::bindTcp(const Call& call) {
  auto listener = std::make_unique<TcpListener>(core_->counters());
  OpenOptions options = openOptions(call);
  options.unverifiedMicros = uint64_t{call.u32(6)} * 1000;
  const OpenError error = listener->open(call.text(0), static_cast<uint16_t>(call.u32(1)), options);
  if (error.code) return throwCode(env_, error.code, error.detail);
  const TcpListener& opened = *listener;
  return describe(call.text(0), core_->transmitter().addListener(std::move(listener)), opened);
}

template <typename Socket>
napi_value EngineObject::describe(const std::string& ip, uint32_t number, const Socket& socket) {
  if (poller_ && !poller_->add(number, socket.handle())) {
    core_->transmitter().removeSocket(number);
    return throwCode(env_, "SOCKET_FAILED", ip + " cannot be polled");
  }
  napi_value bound;
  napi_create_object(env_, &bound);
  setProperty(env_, bound, "socket", toValue(env_, static_cast<double>(number)));
  setProperty(env_, bound, "ip", toValue(env_, ip));
  setProperty(env_, bound, "port", toValue(env_, static_cast<double>(socket.port())));
  setProperty(env_, bound, "sendBuffer", toValue(env_, static_cast<double>(socket.sendBuffer())));
  setProperty(env_, bound, "receiveBuffer", toValue(env_, static_cast<double>(socket.receiveBuffer())));
  return bound;
}

void EngineObject::unbind(uint32_t socket) {
  if (poller_) poller_->remove(socket);
  core_->forgetSocket(socket);
  core_->transmitter().removeSocket(socket);
}

void EngineObject::sendNow() {
  core_->kick();
  watchWaiting();
}

/// The kernel's buffer was full: wait until it has room.
void EngineObject::watchWaiting() {
  if (poller_ && !core_->video().idle()) poller_->pace();
  if (!poller_ || core_->counters().queuedBytes == 0) return;
  for (uint32_t i = 0; i < core_->transmitter().socketCount(); i++) poller_->update(i);
}

void EngineObject::onWritable(uint32_t socket) { core_->transmitter().drainQueue(socket); }

double EngineObject::poll() {
  core_->video().drain(now());
  sendSoon();
  return core_->video().idle() ? -1 : static_cast<double>(core_->video().wait(now()));
}

bool EngineObject::onPace() {
  if (!core_) return false;
  poll();
  return !core_->video().idle();
}

// ---- batches ----

uint32_t EngineObject::flush(uint32_t commands) {
  const uint32_t refused = core_->execute(commands, now());
  watchWaiting();
  return refused;
}

bool EngineObject::runBatch(uint64_t nowMicros, bool called) {
  core_->counters().batches++;
  inBatch_ = true;
  napi_handle_scope scope;
  napi_open_handle_scope(env_, &scope);
  napi_value onBatch, resource, result = nullptr;
  napi_get_reference_value(env_, onBatch_, &onBatch);
  napi_get_reference_value(env_, resource_, &resource);
  napi_value arguments[] = {toValue(env_, static_cast<double>(core_->rowCount())),
                            toValue(env_, static_cast<double>(nowMicros))};
  // make_callback also runs the microtasks and ticks that onBatch left; with a caller, its stack does that.
  const napi_status status = called ? napi_call_function(env_, resource, onBatch, 2, arguments, &result)
                                     : napi_make_callback(env_, async_, resource, onBatch, 2, arguments, &result);
  uint32_t commands = 0;
  if (status == napi_ok && !closeAfterBatch_ && napi_get_value_uint32(env_, result, &commands) == napi_ok) {
    core_->execute(commands, nowMicros);
  }
  core_->kick();  // what single sends staged
  core_->endBatch();
  inBatch_ = false;
  napi_close_handle_scope(env_, scope);
  if (closeAfterBatch_) {
    close();
  } else {
    watchWaiting();
  }
  return status == napi_ok;
}

size_t EngineObject::onReadable(bool told) {
  size_t total = 0;
  for (int batch = 0; batch < BATCHES_PER_WAKEUP; batch++) {
    if (!readBatch(told && batch == 0, false, total)) break;
  }
  return total;
}

napi_value EngineObject::read() {
  if (inBatch_) return throwCode(env_, "IN_BATCH", "read inside onBatch");
  size_t total = 0;
  for (int batch = 0; onBatch_ && batch < BATCHES_PER_READ; batch++) {
    const bool more = readBatch(false, true, total);
    bool failed = false;
    if (napi_is_exception_pending(env_, &failed) == napi_ok && failed) return nullptr;  // the caller's
    if (!more) break;
  }
  return toValue(env_, static_cast<double>(total));
}

bool EngineObject::readBatch(bool told, bool called, size_t& total) {
  const uint64_t nowMicros = monotonicMicros(), before = core_->counters().received;
  bool more = false;
  for (uint32_t i = 0; i < core_->transmitter().socketCount(); i++) {
    while (core_->receive(i, nowMicros)) more = true;
  }
  total += core_->counters().received - before;
  if (core_->rowCount() == 0 && !told) {
    sendNow();  // what was answered without a row
  } else if (!runBatch(nowMicros, called) && !called) {
    reportException();
  }
  return core_ && more;
}

bool EngineObject::holdsDatagrams() const {
  if (!core_) return false;
  for (uint32_t i = 0; i < core_->transmitter().socketCount(); i++) {
    const UdpSocket* socket = core_->transmitter().socket(i);
    if (socket && socket->holdsDatagrams()) return true;
  }
  return false;
}

/// From the loop there is no caller: the exception goes where uncaught ones go.
void EngineObject::reportException() {
  napi_handle_scope scope;
  napi_open_handle_scope(env_, &scope);
  napi_value exception;
  bool pending = false;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
    napi_fatal_exception(env_, exception);
  }
  napi_close_handle_scope(env_, scope);
}

napi_value EngineObject::inject(const Call::Bytes& packed, uint32_t count, uint64_t nowMicros) {
  constexpr size_t HEAD = 8 + ADDRESS_BYTES;
  if (inBatch_) return throwCode(env_, "NOT_MEMORY_MODE", "inject inside onBatch");
  nowMicros_ = nowMicros;
  const std::string bytes(reinterpret_cast<const char*>(packed.data), packed.length);  // onBatch may change the original
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t at = 0;
  for (uint32_t i = 0; i < count && at + HEAD <= bytes.size();) {
    uint32_t length, socket;
    Address from;
    memcpy(&length, data + at, 4);
    memcpy(&socket, data + at + 4, 4);
    memcpy(from.bytes, data + at + 8, ADDRESS_BYTES);
    if (length > bytes.size() - at - HEAD) break;
    if (core_->accept(socket, from, data + at + HEAD, length, nowMicros)) {
      at += HEAD + (length + 3) / 4 * 4;
      i++;
      if (i < count && !core_->batchFull()) continue;
    }
    if (core_->rowCount() > 0 && onBatch_ && !runBatch(nowMicros, true)) return nullptr;  // the exception is the caller's
    if (!core_) break;
    if (!onBatch_) core_->endBatch();
    core_->kick();
  }
  if (core_) poll();
  return undefined(env_);
}

napi_value EngineObject::deliver(uint32_t id, const Call::Bytes& bytes) {
  if (inBatch_) return throwCode(env_, "IN_BATCH", "deliver inside onBatch");
  Peer* peer = core_->peer(id);
  if (!peer || !onBatch_) return toValue(env_, false);
  const uint64_t nowMicros = now();
  const bool taken = core_->deliver(*peer, bytes.data, static_cast<uint32_t>(bytes.length), nowMicros);
  if (taken && !runBatch(nowMicros, true)) return nullptr;  // the exception is the caller's
  return toValue(env_, taken);
}

void EngineObject::close() {
  if (inBatch_) {
    closeAfterBatch_ = true;
    return;
  }
  if (poller_) poller_->shutdown();
  poller_ = nullptr;
  core_.reset();
  for (napi_ref& reference : arrays_) {
    if (reference) napi_delete_reference(env_, reference);
    reference = nullptr;
  }
  if (onBatch_) napi_delete_reference(env_, onBatch_);
  if (resource_) napi_delete_reference(env_, resource_);
  if (async_) napi_async_destroy(env_, async_);
  onBatch_ = resource_ = nullptr;
  async_ = nullptr;
}

}  // namespace tertulia
