// What the methods of the class `Engine` have in common, and its tables of methods, one for each file of them.
#pragma once
#include "engine_object.h"

namespace tertulia {

/// Every method goes through here: a closed engine answers undefined, something else is refused.
template <napi_value (*method)(EngineObject&, const Call&)>
napi_value bound(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto* engine = unwrap<EngineObject>(env, call.self());
  if (!engine) return throwCode(env, "BAD_HANDLE", "not an Engine");
  if (engine->closed()) return undefined(env);
  return method(*engine, call);
}

inline Address addressOf(const Call& call, size_t i) {
  Address address;
  const Call::Bytes bytes = call.bytes(i);
  if (bytes.length == ADDRESS_BYTES) memcpy(address.bytes, bytes.data, ADDRESS_BYTES);
  return address;
}

inline napi_value number(const Call& call, double value) { return toValue(call.env(), value); }
inline napi_value boolean(const Call& call, bool value) { return toValue(call.env(), value); }
inline napi_value nothing(const Call& call) { return undefined(call.env()); }
inline napi_value noPeer(const Call& call) { return throwCode(call.env(), "BAD_HANDLE", "there is no such peer"); }

/// Video: pacing, probes, feedback. addon_video.cc
extern const Method VIDEO_METHODS[];
extern const size_t VIDEO_METHOD_COUNT;

/// ICE-TCP. addon_tcp.cc
extern const Method TCP_METHODS[];
extern const size_t TCP_METHOD_COUNT;

/// Packets without SRTP. addon_capture.cc
extern const Method CAPTURE_METHODS[];
extern const size_t CAPTURE_METHOD_COUNT;

}  // namespace tertulia
