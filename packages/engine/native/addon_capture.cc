// Engine for JavaScript: looking at packets without SRTP. src/capture.ts reads the records.
#include "engine_methods.h"

namespace tertulia {
namespace {

/// Marks a peer, or takes its mark away; its losses begin anew.
napi_value setCapture(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  peer->capture = static_cast<uint8_t>(call.u32(1));
  peer->captureLost[0] = peer->captureLost[1] = 0;
  return nothing(call);
}

napi_value setCaptureRoom(EngineObject& engine, const Call& call) {
  engine.core().capture().setRoom(call.u32(0));
  return nothing(call);
}

napi_value takeCapture(EngineObject& engine, const Call& call) {
  CaptureStore& store = engine.core().capture();
  const napi_value bytes = toBytes(call.env(), store.records().data(), store.records().size());
  store.clear();
  return bytes;
}

/// Packets since it was marked that found no room: those that came, those that went out.
napi_value captureLost(EngineObject& engine, const Call& call) {
  const Call::Bytes into = call.bytes(1);
  const Peer* peer = engine.core().peer(call.u32(0));
  double numbers[2] = {};
  for (int i = 0; peer && i < 2; i++) numbers[i] = peer->captureLost[i];
  if (into.length >= sizeof numbers) memcpy(into.data, numbers, sizeof numbers);
  return nothing(call);
}

}  // namespace

const Method CAPTURE_METHODS[] = {{"setCapture", bound<setCapture>},
                                  {"setCaptureRoom", bound<setCaptureRoom>},
                                  {"takeCapture", bound<takeCapture>},
                                  {"captureLost", bound<captureLost>}};
const size_t CAPTURE_METHOD_COUNT = sizeof CAPTURE_METHODS / sizeof *CAPTURE_METHODS;

}  // namespace tertulia
