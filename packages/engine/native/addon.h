// The parts of the add-on: each adds its classes or functions to the exports.
#pragma once
#include "dtls.h"
#include "napi_helpers.h"

namespace tertulia {

void defineEngine(napi_env env, napi_value exports);
void defineDtls(napi_env env, napi_value exports);
void defineTests(napi_env env, napi_value exports);

/// nullptr when `value` is no Dtls object.
const DtlsSession* dtlsSession(napi_env env, napi_value value);

}  // namespace tertulia
