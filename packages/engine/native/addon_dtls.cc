// DtlsContext and Dtls for JavaScript; src/dtls.ts is their typed face.
#include "addon.h"

namespace tertulia {
namespace {

struct ContextObject {
  static constexpr napi_type_tag TAG = {0x7c1f3a9be2d44e06, 0x9b02d5c86f7141aa};
  std::shared_ptr<DtlsContext> context = std::make_shared<DtlsContext>();
};
struct SessionObject {
  static constexpr napi_type_tag TAG = {0x2e90b7d1c35a4f18, 0x83f6a04e7d9b2c51};
  std::unique_ptr<DtlsSession> session;  // empty after free()
};

napi_value createContext(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto object = std::make_unique<ContextObject>();
  const std::string problem = object->context->init(call.text(0), call.text(1));
  if (!problem.empty()) return throwCode(env, "BAD_CERTIFICATE", problem);
  wrap(env, call.self(), object.release());
  return call.self();
}

napi_value contextFingerprint(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto* object = unwrap<ContextObject>(env, call.self());
  return toValue(env, object ? object->context->fingerprint(call.text(0)) : std::string());
}

napi_value createSession(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto* context = unwrap<ContextObject>(env, call.value(0));
  if (!context) return throwCode(env, "BAD_HANDLE", "not a DtlsContext");
  auto object = std::make_unique<SessionObject>();
  object->session = std::make_unique<DtlsSession>();
  if (!object->session->init(context->context, call.boolean(1), call.u32(2))) {
    return throwCode(env, "BAD_HANDLE", "the association could not be made: " + object->session->failure());
  }
  wrap(env, call.self(), object.release());
  return call.self();
}

DtlsSession* sessionOf(const Call& call) {
  auto* object = unwrap<SessionObject>(call.env(), call.self());
  return object ? object->session.get() : nullptr;
}

/// A method that does something.
template <void (*action)(DtlsSession&, const Call&)>
napi_value act(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (DtlsSession* session = sessionOf(call)) action(*session, call);
  return undefined(env);
}

void input(DtlsSession& session, const Call& call) {
  const Call::Bytes datagram = call.bytes(0);
  session.input(datagram.data, datagram.length);
}
void handleTimeout(DtlsSession& session, const Call&) { session.handleTimeout(); }
void closeSession(DtlsSession& session, const Call&) { session.close(); }

napi_value timeoutMs(napi_env env, napi_callback_info info) {
  const DtlsSession* session = sessionOf(Call(env, info));
  return toValue(env, session ? session->timeoutMs() : -1.0);
}

napi_value takeAll(napi_env env, const std::vector<std::string>& pieces) {
  napi_value array;
  napi_create_array_with_length(env, pieces.size(), &array);
  for (uint32_t i = 0; i < pieces.size(); i++) {
    napi_set_element(env, array, i, toBytes(env, pieces[i].data(), pieces[i].size()));
  }
  return array;
}
napi_value takeOutput(napi_env env, napi_callback_info info) {
  DtlsSession* session = sessionOf(Call(env, info));
  return takeAll(env, session ? session->takeOutput() : std::vector<std::string>());
}
napi_value takeApplicationData(napi_env env, napi_callback_info info) {
  DtlsSession* session = sessionOf(Call(env, info));
  return takeAll(env, session ? session->takeApplicationData() : std::vector<std::string>());
}

napi_value sendData(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Call::Bytes data = call.bytes(0);
  DtlsSession* session = sessionOf(call);
  return toValue(env, session && session->send(data.data, data.length));
}

napi_value state(napi_env env, napi_callback_info info) {
  const DtlsSession* session = sessionOf(Call(env, info));
  return toValue(env, static_cast<double>(session ? session->state() : DtlsSession::State::Closed));
}
napi_value failure(napi_env env, napi_callback_info info) {
  const DtlsSession* session = sessionOf(Call(env, info));
  return toValue(env, session ? session->failure() : std::string());
}
napi_value remoteFingerprint(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const DtlsSession* session = sessionOf(call);
  return toValue(env, session ? session->remoteFingerprint(call.text(0)) : std::string());
}
napi_value remoteCertificatePem(napi_env env, napi_callback_info info) {
  const DtlsSession* session = sessionOf(Call(env, info));
  return toValue(env, session ? session->remoteCertificatePem() : std::string());
}
napi_value srtpProfile(napi_env env, napi_callback_info info) {
  const DtlsSession* session = sessionOf(Call(env, info));
  return toValue(env, static_cast<double>(session ? session->srtpProfile() : SrtpProfile::None));
}

napi_value freeSession(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (auto* object = unwrap<SessionObject>(env, call.self())) object->session.reset();
  return undefined(env);
}

}  // namespace

const DtlsSession* dtlsSession(napi_env env, napi_value value) {
  auto* object = unwrap<SessionObject>(env, value);
  return object ? object->session.get() : nullptr;
}

void defineDtls(napi_env env, napi_value exports) {
  static const Method CONTEXT[] = {{"fingerprint", contextFingerprint}};
  static const Method SESSION[] = {{"input", act<input>},
                                   {"handleTimeout", act<handleTimeout>},
                                   {"timeoutMs", timeoutMs},
                                   {"takeOutput", takeOutput},
                                   {"takeApplicationData", takeApplicationData},
                                   {"send", sendData},
                                   {"state", state},
                                   {"failure", failure},
                                   {"remoteFingerprint", remoteFingerprint},
                                   {"remoteCertificatePem", remoteCertificatePem},
                                   {"srtpProfile", srtpProfile},
                                   {"close", act<closeSession>},
                                   {"free", freeSession}};
  defineClass(env, exports, "DtlsContext", createContext, CONTEXT, sizeof CONTEXT / sizeof *CONTEXT);
  defineClass(env, exports, "Dtls", createSession, SESSION, sizeof SESSION / sizeof *SESSION);
}

}  // namespace tertulia
