// Entry of the add-on: what is exported, and the layout for TypeScript to compare with its own.
#include "addon.h"
#include <openssl/crypto.h>
#include "layout.h"

namespace tertulia {
namespace {

void exportLayout(napi_env env, napi_value exports) {
  napi_value layout;
  napi_create_object(env, &layout);
#define TERTULIA_EXPORT(name, value) setProperty(env, layout, #name, toValue(env, static_cast<double>(name)));
  TERTULIA_LAYOUT(TERTULIA_EXPORT)
#undef TERTULIA_EXPORT
  setProperty(env, exports, "layout", layout);
}

void exportNames(napi_env env, napi_value exports, const char* property, const char* const* names, uint32_t count) {
  napi_value array;
  napi_create_array(env, &array);
  for (uint32_t i = 0; i < count; i++) napi_set_element(env, array, i, toValue(env, std::string(names[i])));
  setProperty(env, exports, property, array);
}

napi_value init(napi_env env, napi_value exports) {
  static const char* const DROPS[] = {
#define TERTULIA_TEXT(name, text) text,
      TERTULIA_DROPS(TERTULIA_TEXT)
#undef TERTULIA_TEXT
  };
  static const char* const COUNTERS[] = {
#define TERTULIA_TEXT(name) #name,
      TERTULIA_COUNTERS(TERTULIA_TEXT)
#undef TERTULIA_TEXT
  };
  exportLayout(env, exports);
  exportNames(env, exports, "drops", DROPS, sizeof DROPS / sizeof *DROPS);
  exportNames(env, exports, "counters", COUNTERS, sizeof COUNTERS / sizeof *COUNTERS);
  setProperty(env, exports, "opensslVersion", toValue(env, std::string(OpenSSL_version(OPENSSL_VERSION))));
  defineEngine(env, exports);
  defineDtls(env, exports);
  defineTests(env, exports);
  return exports;
}

}  // namespace
}  // namespace tertulia

NAPI_MODULE_INIT() { return tertulia::init(env, exports); }
