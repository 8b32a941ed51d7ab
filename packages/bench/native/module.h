// Makes a C++ program out of a module that Node loads: `run(configuration)` is called once on the main thread and
// comes back when the program ends. No JavaScript runs meanwhile. The detour gives it the OpenSSL inside Node, the
// same one that the engine uses, without any library to install.
#pragma once
#include <node_api.h>

#include <string>

int runProgram(const std::string& configurationFile);

inline napi_value callProgram(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value argument, result;
  char path[4096];
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_string_utf8(env, argument, path, sizeof path, &length);
  napi_create_int32(env, runProgram(std::string(path, length)), &result);
  return result;
}

inline napi_value initialise(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, callProgram, nullptr, &function);
  napi_set_named_property(env, exports, "run", function);
  return exports;
}
NAPI_MODULE(NODE_GYP_MODULE_NAME, initialise)
