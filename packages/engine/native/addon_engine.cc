// Engine for JavaScript; src/engine.ts is its typed face. Here meet the core, the event loop and the one call into
// JavaScript per batch. What a method is given is checked there or in the core; nothing here decides anything.
#include <memory>
#include "addon.h"
#include "core.h"
#include "poller.h"

namespace tertulia {
namespace {

/// Batches per wake-up: 1,024 datagrams, then timers and other sockets of the process have their turn.
constexpr int BATCHES_PER_WAKEUP = 4;

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

  napi_value start(napi_value onBatch);
  napi_value bind(const Call& call);
  void unbind(uint32_t socket);
  uint32_t flush(uint32_t commands);
  /// Sends what one call staged, unless a batch will.
  void sendSoon() {
    if (!inBatch_) sendNow();
  }
  napi_value inject(const Call::Bytes& packed, uint32_t count, uint64_t nowMicros);
  void close();

  size_t onReadable() override;
  void onWritable(uint32_t socket) override;
  bool wantsWrite(uint32_t socket) override { return core_ && core_->transmitter().waiting(socket); }
  void onWakeup() override { core_->counters().wakeups++; }

 private:
  enum Array { SLAB, ROWS, COMMANDS, ENTRIES, FREE_SLOTS, SLOT_HOLDERS, ARRAYS };
  void* makeArray(Array which, size_t bytes);
  void sendNow();
  void watchWaiting();
  /// Rows → onBatch → commands → out. @return false when onBatch threw; the exception is pending then
  bool runBatch(uint64_t nowMicros);
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

napi_value EngineObject::start(napi_value onBatch) {
  if (onBatch_) return throwCode(env_, "ALREADY_STARTED", "start was called before");
  napi_value resource;
  napi_create_object(env_, &resource);
  napi_create_reference(env_, resource, 1, &resource_);
  napi_async_init(env_, resource, toValue(env_, std::string("TERTULIA_ENGINE")), &async_);
  napi_create_reference(env_, onBatch, 1, &onBatch_);
  if (memory_) return undefined(env_);
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env_, &loop);
  poller_ = new Poller(env_, loop, this);
  Transmitter& transmitter = core_->transmitter();
  for (uint32_t i = 0; i < transmitter.socketCount(); i++) {
    if (const UdpSocket* socket = transmitter.socket(i)) poller_->add(i, socket->handle());
  }
  return undefined(env_);
}

napi_value EngineObject::bind(const Call& call) {
  auto socket = std::make_unique<UdpSocket>();
  const std::string ip = call.text(0);
  const OpenError error = socket->open(ip, static_cast<uint16_t>(call.u32(1)), static_cast<int>(call.u32(2)),
                                       static_cast<int>(call.u32(3)));
  if (error.code) return throwCode(env_, error.code, error.detail);
  napi_value bound;
  napi_create_object(env_, &bound);
  setProperty(env_, bound, "ip", toValue(env_, ip));
  setProperty(env_, bound, "port", toValue(env_, static_cast<double>(socket->port())));
  setProperty(env_, bound, "sendBuffer", toValue(env_, static_cast<double>(socket->sendBuffer())));
  setProperty(env_, bound, "receiveBuffer", toValue(env_, static_cast<double>(socket->receiveBuffer())));
  const SocketHandle handle = socket->handle();
  const uint32_t number = core_->transmitter().addSocket(std::move(socket));
  setProperty(env_, bound, "socket", toValue(env_, static_cast<double>(number)));
  if (poller_ && !poller_->add(number, handle)) {
    core_->transmitter().removeSocket(number);
    return throwCode(env_, "SOCKET_FAILED", ip + " cannot be polled");
  }
  return bound;
}

void EngineObject::unbind(uint32_t socket) {
  if (poller_) poller_->remove(socket);
  core_->transmitter().removeSocket(socket);
}

void EngineObject::sendNow() {
  core_->kick();
  watchWaiting();
}

/// The kernel's buffer was full: wait until it has room.
void EngineObject::watchWaiting() {
  if (!poller_ || core_->counters().queuedBytes == 0) return;
  for (uint32_t i = 0; i < core_->transmitter().socketCount(); i++) poller_->update(i);
}

void EngineObject::onWritable(uint32_t socket) { core_->transmitter().drainQueue(socket); }

// ---- batches ----

uint32_t EngineObject::flush(uint32_t commands) {
  const uint32_t refused = core_->execute(commands, now());
  watchWaiting();
  return refused;
}

bool EngineObject::runBatch(uint64_t nowMicros) {
  core_->counters().batches++;
  inBatch_ = true;
  napi_handle_scope scope;
  napi_open_handle_scope(env_, &scope);
  napi_value onBatch, resource, result = nullptr;
  napi_get_reference_value(env_, onBatch_, &onBatch);
  napi_get_reference_value(env_, resource_, &resource);
  napi_value arguments[] = {toValue(env_, static_cast<double>(core_->rowCount())),
                            toValue(env_, static_cast<double>(nowMicros))};
  // make_callback also runs the microtasks and ticks that onBatch left; inside inject() the caller's stack does that.
  const napi_status status = memory_ ? napi_call_function(env_, resource, onBatch, 2, arguments, &result)
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

size_t EngineObject::onReadable() {
  size_t total = 0;
  for (int batch = 0; batch < BATCHES_PER_WAKEUP; batch++) {
    const uint64_t nowMicros = monotonicMicros(), before = core_->counters().received;
    bool more = false;
    for (uint32_t i = 0; i < core_->transmitter().socketCount(); i++) {
      while (core_->receive(i, nowMicros)) more = true;
    }
    total += core_->counters().received - before;
    if (core_->rowCount() == 0) {
      sendNow();  // what was answered without a row
    } else if (!runBatch(nowMicros)) {
      reportException();
    }
    if (!core_ || !more) break;
  }
  return total;
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
    if (core_->rowCount() > 0 && onBatch_ && !runBatch(nowMicros)) return nullptr;  // the exception is the caller's
    if (!core_) break;
    if (!onBatch_) core_->endBatch();
    core_->kick();
  }
  return undefined(env_);
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

// ---- methods ----

/// Every method goes through here: a closed engine answers undefined, something else is refused.
template <napi_value (*method)(EngineObject&, const Call&)>
napi_value bound(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto* engine = unwrap<EngineObject>(env, call.self());
  if (!engine) return throwCode(env, "BAD_HANDLE", "not an Engine");
  if (engine->closed()) return undefined(env);
  return method(*engine, call);
}

napi_value create(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto engine = std::make_unique<EngineObject>(env, call);
  if (engine->closed()) return throwCode(env, "SOCKET_FAILED", "no memory for the shared arrays");
  wrap(env, call.self(), engine.release());
  return call.self();
}

Address addressOf(const Call& call, size_t i) {
  Address address;
  const Call::Bytes bytes = call.bytes(i);
  if (bytes.length == ADDRESS_BYTES) memcpy(address.bytes, bytes.data, ADDRESS_BYTES);
  return address;
}

napi_value number(const Call& call, double value) { return toValue(call.env(), value); }
napi_value boolean(const Call& call, bool value) { return toValue(call.env(), value); }
napi_value nothing(const Call& call) { return undefined(call.env()); }
napi_value noPeer(const Call& call) { return throwCode(call.env(), "BAD_HANDLE", "there is no such peer"); }

napi_value arrays(EngineObject& engine, const Call&) { return engine.arrays(); }
napi_value start(EngineObject& engine, const Call& call) { return engine.start(call.value(0)); }
napi_value bind(EngineObject& engine, const Call& call) { return engine.bind(call); }
napi_value unbind(EngineObject& engine, const Call& call) {
  engine.unbind(call.u32(0));
  return nothing(call);
}
napi_value flush(EngineObject& engine, const Call& call) { return number(call, engine.flush(call.u32(0))); }
napi_value now(EngineObject& engine, const Call& call) { return number(call, static_cast<double>(engine.now())); }

napi_value sendTo(EngineObject& engine, const Call& call) {
  const Call::Bytes bytes = call.bytes(2);
  const bool staged =
      engine.core().sendTo(call.u32(0), addressOf(call, 1), bytes.data, static_cast<uint32_t>(bytes.length));
  engine.sendSoon();
  return boolean(call, staged);
}

napi_value createPeer(EngineObject& engine, const Call& call) {
  const Peer* peer = engine.core().createPeer();
  if (!peer) return throwCode(call.env(), "PEERS_EXHAUSTED", "as many peers as maxPeers allows");
  return number(call, peer->id);
}
napi_value closePeer(EngineObject& engine, const Call& call) {
  engine.core().closePeer(call.u32(0));
  return nothing(call);
}
napi_value bindAddress(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  return peer ? boolean(call, engine.core().bindAddress(*peer, call.u32(1), addressOf(call, 2))) : noPeer(call);
}
napi_value unbindAddress(EngineObject& engine, const Call& call) {
  if (Peer* peer = engine.core().peer(call.u32(0))) engine.core().unbindAddress(*peer, call.u32(1), addressOf(call, 2));
  return nothing(call);
}
napi_value selectAddress(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  if (!engine.core().selectAddress(*peer, call.u32(1), addressOf(call, 2))) {
    return throwCode(call.env(), "BAD_ADDRESS", "not an address that can be sent to");
  }
  return nothing(call);
}

napi_value setKeys(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  const uint32_t profile = call.u32(1);
  const Call::Bytes receiveKey = call.bytes(2), receiveSalt = call.bytes(3), sendKey = call.bytes(4), sendSalt = call.bytes(5);
  if (profile < 1 || profile > 4) return throwCode(call.env(), "BAD_KEYS", "unknown SRTP profile");
  const SrtpProfileSizes& size = SRTP_SIZES[profile];
  if (receiveKey.length != size.key || sendKey.length != size.key || receiveSalt.length != size.salt ||
      sendSalt.length != size.salt) {
    return throwCode(call.env(), "BAD_KEYS", "this profile has keys of " + std::to_string(size.key) + " and salts of " +
                                                 std::to_string(size.salt) + " bytes");
  }
  const MasterKeys keys = {receiveKey.data, receiveSalt.data, sendKey.data, sendSalt.data};
  if (!engine.core().setKeys(*peer, static_cast<SrtpProfile>(profile), keys)) {
    return throwCode(call.env(), "BAD_KEYS", "libcrypto refuses the keys");
  }
  return nothing(call);
}

napi_value setKeysFromDtls(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  const DtlsSession* session = dtlsSession(call.env(), call.value(1));
  if (!peer) return noPeer(call);
  DtlsSession::Keys keys;
  if (!session || !session->exportKeys(keys)) {
    return throwCode(call.env(), "NO_SRTP_PROFILE", "the handshake is not done or agreed on no SRTP profile");
  }
  const MasterKeys master = {keys.receiveKey, keys.receiveSalt, keys.sendKey, keys.sendSalt};
  const bool good = engine.core().setKeys(*peer, keys.profile, master);
  OPENSSL_cleanse(&keys, sizeof keys);
  return good ? nothing(call) : throwCode(call.env(), "BAD_KEYS", "libcrypto refuses the keys");
}

napi_value answerChecks(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  const Call::Bytes password = call.bytes(2);
  const auto refreshMicros = static_cast<uint64_t>(call.number(3));
  return boolean(call, engine.core().answerChecks(*peer, call.text(1), password.data, password.length, refreshMicros));
}

napi_value setReport(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  const Call::Bytes bytes = call.bytes(1), places = call.bytes(2);
  constexpr size_t PLACE = 3 * sizeof(uint32_t);
  std::vector<uint32_t> words(places.length / PLACE * 3);
  memcpy(words.data(), places.data, words.size() * sizeof(uint32_t));
  return boolean(call, engine.core().setReport(*peer, bytes.data, bytes.length, words.data(), words.size() / 3));
}

napi_value setRateLimit(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  peer->rate.configure(call.number(1), call.number(2));
  return nothing(call);
}

napi_value sendRtcp(EngineObject& engine, const Call& call) {
  const Call::Bytes bytes = call.bytes(1);
  const bool staged = engine.core().sendRtcp(call.u32(0), bytes.data, static_cast<uint32_t>(bytes.length));
  engine.sendSoon();
  return boolean(call, staged);
}

napi_value createEntry(EngineObject& engine, const Call& call) {
  uint32_t entry;
  if (!engine.core().lists().createEntry(entry)) {
    return throwCode(call.env(), "ENTRIES_EXHAUSTED", "as many entries as the engine was made for");
  }
  memset(engine.core().shared().entries + size_t{entry} * ENTRY_WORDS, 0, ENTRY_WORDS * sizeof(uint32_t));
  return number(call, entry);
}
napi_value freeEntry(EngineObject& engine, const Call& call) {
  engine.core().lists().freeEntry(call.u32(0));
  return nothing(call);
}
napi_value createList(EngineObject& engine, const Call& call) { return number(call, engine.core().lists().createList()); }
napi_value freeList(EngineObject& engine, const Call& call) {
  engine.core().lists().freeList(call.u32(0));
  return nothing(call);
}
napi_value listAdd(EngineObject& engine, const Call& call) {
  if (!engine.core().lists().add(call.u32(0), call.u32(1))) {
    return throwCode(call.env(), "BAD_HANDLE", "there is no such list or entry");
  }
  return nothing(call);
}
napi_value listRemove(EngineObject& engine, const Call& call) {
  engine.core().lists().remove(call.u32(0));
  return nothing(call);
}
napi_value listSize(EngineObject& engine, const Call& call) {
  EntryLists& lists = engine.core().lists();
  return number(call, lists.isList(call.u32(0)) ? static_cast<double>(lists.members(call.u32(0)).size()) : 0);
}

napi_value stats(EngineObject& engine, const Call& call) {
  const Call::Bytes into = call.bytes(0);
  const Counters& counters = engine.core().counters();
  const uint64_t values[] = {
#define TERTULIA_VALUE(name) counters.name,
      TERTULIA_COUNTERS(TERTULIA_VALUE)
#undef TERTULIA_VALUE
  };
  const size_t named = sizeof values / sizeof *values;
  auto* numbers = reinterpret_cast<double*>(into.data);
  if (into.length < (named + DROP_COUNT) * sizeof(double)) return nothing(call);
  for (size_t i = 0; i < named; i++) numbers[i] = static_cast<double>(values[i]);
  for (size_t i = 0; i < DROP_COUNT; i++) numbers[named + i] = static_cast<double>(counters.drops[i]);
  return nothing(call);
}

napi_value inject(EngineObject& engine, const Call& call) {
  if (!engine.memory()) return throwCode(call.env(), "NOT_MEMORY_MODE", "this engine has sockets");
  return engine.inject(call.bytes(0), call.u32(1), static_cast<uint64_t>(call.number(2)));
}
napi_value setNow(EngineObject& engine, const Call& call) {
  if (!engine.memory()) return throwCode(call.env(), "NOT_MEMORY_MODE", "this engine has a clock");
  engine.setNow(static_cast<uint64_t>(call.number(0)));
  return nothing(call);
}
napi_value takeSent(EngineObject& engine, const Call& call) {
  const std::vector<uint8_t> sent = engine.core().transmitter().takeSent();
  napi_value buffer;
  void* data;
  napi_create_arraybuffer(call.env(), sent.size(), &data, &buffer);
  if (!sent.empty()) memcpy(data, sent.data(), sent.size());
  return buffer;
}

napi_value setCipher(EngineObject& engine, const Call& call) {
  const std::string wanted = call.text(0);
  for (GcmCode code : {GcmCode::Evp, GcmCode::AesNi, GcmCode::Vaes}) {
    if (wanted != gcmCodeName(code) || !gcmCodeAvailable(code)) continue;
    engine.core().setGcmCode(code);
    return boolean(call, true);
  }
  return boolean(call, false);
}
napi_value cipher(EngineObject& engine, const Call& call) {
  return toValue(call.env(), std::string(gcmCodeName(engine.core().gcmCode())));
}
napi_value close(EngineObject& engine, const Call& call) {
  engine.close();
  return nothing(call);
}

}  // namespace

void defineEngine(napi_env env, napi_value exports) {
  static const Method METHODS[] = {{"arrays", bound<arrays>},
                                   {"bind", bound<bind>},
                                   {"unbind", bound<unbind>},
                                   {"start", bound<start>},
                                   {"flush", bound<flush>},
                                   {"now", bound<now>},
                                   {"sendTo", bound<sendTo>},
                                   {"createPeer", bound<createPeer>},
                                   {"closePeer", bound<closePeer>},
                                   {"bindAddress", bound<bindAddress>},
                                   {"unbindAddress", bound<unbindAddress>},
                                   {"selectAddress", bound<selectAddress>},
                                   {"setKeys", bound<setKeys>},
                                   {"setKeysFromDtls", bound<setKeysFromDtls>},
                                   {"setReport", bound<setReport>},
                                   {"setRateLimit", bound<setRateLimit>},
                                   {"answerChecks", bound<answerChecks>},
                                   {"sendRtcp", bound<sendRtcp>},
                                   {"createEntry", bound<createEntry>},
                                   {"freeEntry", bound<freeEntry>},
                                   {"createList", bound<createList>},
                                   {"freeList", bound<freeList>},
                                   {"listAdd", bound<listAdd>},
                                   {"listRemove", bound<listRemove>},
                                   {"listSize", bound<listSize>},
                                   {"stats", bound<stats>},
                                   {"inject", bound<inject>},
                                   {"setNow", bound<setNow>},
                                   {"takeSent", bound<takeSent>},
                                   {"setCipher", bound<setCipher>},
                                   {"cipher", bound<cipher>},
                                   {"close", bound<close>}};
  defineClass(env, exports, "Engine", create, METHODS, sizeof METHODS / sizeof *METHODS);
}

}  // namespace tertulia
