// Engine for JavaScript; src/engine.ts is its typed face. What a method is given is checked there or in the core; nothing
// here decides anything. Elsewhere: batches and the event loop → engine_object.h
#include "engine_methods.h"

namespace tertulia {
namespace {

napi_value create(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto engine = std::make_unique<EngineObject>(env, call);
  if (engine->closed()) return throwCode(env, "SOCKET_FAILED", "no memory for the shared arrays");
  wrap(env, call.self(), engine.release());
  return call.self();
}

napi_value arrays(EngineObject& engine, const Call&) { return engine.arrays(); }
napi_value start(EngineObject& engine, const Call& call) { return engine.start(call.value(0), static_cast<uint32_t>(call.number(1))); }
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

napi_value setPlain(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  engine.core().setPlain(*peer);
  return nothing(call);
}
napi_value acceptSctp(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  peer->takesSctp = true;
  return nothing(call);
}
napi_value ownSocket(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  engine.core().ownSocket(*peer, call.u32(1), call.boolean(2));
  return nothing(call);
}
napi_value deliver(EngineObject& engine, const Call& call) { return engine.deliver(call.u32(0), call.bytes(1)); }

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
  peer->sourcesMax = call.u32(3);
  if (peer->receiver) peer->receiver->setSourcesMax(peer->sourcesMax);
  return nothing(call);
}

napi_value sendRtcp(EngineObject& engine, const Call& call) {
  const Call::Bytes bytes = call.bytes(1);
  const bool staged = engine.core().sendRtcp(call.u32(0), bytes.data, static_cast<uint32_t>(bytes.length), engine.now());
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

napi_value read(EngineObject& engine, const Call&) { return engine.read(); }

napi_value inject(EngineObject& engine, const Call& call) {
  if (!engine.memory()) return throwCode(call.env(), "NOT_MEMORY_MODE", "this engine has sockets");
  return engine.inject(call.bytes(0), call.u32(1), static_cast<uint64_t>(call.number(2)));
}
napi_value setNow(EngineObject& engine, const Call& call) {
  if (!engine.memory()) return throwCode(call.env(), "NOT_MEMORY_MODE", "this engine has a clock");
  engine.setNow(static_cast<uint64_t>(call.number(0)));
  engine.poll();
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
                                   {"setPlain", bound<setPlain>},
                                   {"acceptSctp", bound<acceptSctp>},
                                   {"ownSocket", bound<ownSocket>},
                                   {"deliver", bound<deliver>},
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
                                   {"read", bound<read>},
                                   {"inject", bound<inject>},
                                   {"setNow", bound<setNow>},
                                   {"takeSent", bound<takeSent>},
                                   {"setCipher", bound<setCipher>},
                                   {"cipher", bound<cipher>},
                                   {"close", bound<close>}};
  std::vector<Method> methods(METHODS, METHODS + sizeof METHODS / sizeof *METHODS);
  methods.insert(methods.end(), VIDEO_METHODS, VIDEO_METHODS + VIDEO_METHOD_COUNT);
  methods.insert(methods.end(), CAPTURE_METHODS, CAPTURE_METHODS + CAPTURE_METHOD_COUNT);
  methods.insert(methods.end(), TCP_METHODS, TCP_METHODS + TCP_METHOD_COUNT);
  defineClass(env, exports, "Engine", create, methods.data(), methods.size());
}

}  // namespace tertulia
