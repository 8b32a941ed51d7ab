// Small words for N-API, so that the binding files read as what they bind. Nothing here knows the engine.
#pragma once
#include <node_api.h>
#include <cstdint>
#include <cstring>
#include <string>

namespace tertulia {

constexpr size_t ARGUMENTS_MAX = 8;

/// Arguments of one call, and `this`.
class Call {
 public:
  Call(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = ARGUMENTS_MAX;
    napi_get_cb_info(env, info, &count, arguments_, &self_, nullptr);
  }
  napi_env env() const { return env_; }
  napi_value self() const { return self_; }
  napi_value value(size_t i) const { return arguments_[i]; }

  /// What is not a number is 2^32 - 1, which is nobody's number.
  uint32_t u32(size_t i) const {
    uint32_t value = 0xffffffff;
    napi_get_value_uint32(env_, arguments_[i], &value);
    return value;
  }
  double number(size_t i) const {
    double value = 0;
    napi_get_value_double(env_, arguments_[i], &value);
    return value;
  }
  bool boolean(size_t i) const {
    bool value = false;
    napi_get_value_bool(env_, arguments_[i], &value);
    return value;
  }
  std::string text(size_t i) const {
    size_t length = 0;
    if (napi_get_value_string_utf8(env_, arguments_[i], nullptr, 0, &length) != napi_ok) return {};
    std::string text(length, '\0');
    napi_get_value_string_utf8(env_, arguments_[i], &text[0], length + 1, &length);
    return text;
  }

  struct Bytes {
    uint8_t* data = nullptr;
    size_t length = 0;
  };
  /// Any typed array or Buffer; nothing else has bytes.
  Bytes bytes(size_t i) const {
    static uint8_t none;
    napi_typedarray_type type;
    napi_value buffer;
    size_t length = 0, offset;
    void* data = nullptr;
    bool typed = false;
    if (napi_is_typedarray(env_, arguments_[i], &typed) != napi_ok || !typed) return {&none, 0};
    napi_get_typedarray_info(env_, arguments_[i], &type, &length, &data, &buffer, &offset);
    static const size_t WIDTH[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    return {data ? static_cast<uint8_t*>(data) : &none, length * WIDTH[type]};
  }

 private:
  napi_env env_;
  napi_value self_ = nullptr;
  napi_value arguments_[ARGUMENTS_MAX] = {};
};

inline napi_value undefined(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}
inline napi_value toValue(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}
inline napi_value toValue(napi_env env, bool boolean) {
  napi_value value;
  napi_get_boolean(env, boolean, &value);
  return value;
}
inline napi_value toValue(napi_env env, const std::string& text) {
  napi_value value;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}
/// A Uint8Array with its own memory.
inline napi_value toBytes(napi_env env, const void* bytes, size_t length) {
  napi_value buffer, view;
  void* data;
  napi_create_arraybuffer(env, length, &data, &buffer);
  if (length) memcpy(data, bytes, length);
  napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &view);
  return view;
}
inline void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}
/// @return undefined, to be returned at once
inline napi_value throwCode(napi_env env, const char* code, const std::string& detail) {
  napi_throw_error(env, code, detail.c_str());
  return nullptr;
}

struct Method {
  const char* name;
  napi_callback callback;
};

/// A class whose objects wrap a T made by `construct`.
inline void defineClass(napi_env env, napi_value exports, const char* name, napi_callback construct, const Method* methods,
                        size_t count) {
  constexpr size_t METHODS_MAX = 64;
  napi_property_descriptor properties[METHODS_MAX];
  for (size_t i = 0; i < count; i++) {
    properties[i] = {methods[i].name, nullptr, methods[i].callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  }
  napi_value constructor;
  napi_define_class(env, name, NAPI_AUTO_LENGTH, construct, nullptr, count, properties, &constructor);
  setProperty(env, exports, name, constructor);
}

/// The wrapped object of one of our classes, by type tag; nullptr for anything else.
template <typename T>
T* unwrap(napi_env env, napi_value object) {
  bool ours = false;
  void* pointer = nullptr;
  if (napi_check_object_type_tag(env, object, &T::TAG, &ours) != napi_ok || !ours) return nullptr;
  napi_unwrap(env, object, &pointer);
  return static_cast<T*>(pointer);
}
template <typename T>
void wrap(napi_env env, napi_value object, T* pointer) {
  napi_wrap(env, object, pointer, [](napi_env, void* wrapped, void*) { delete static_cast<T*>(wrapped); }, nullptr, nullptr);
  napi_type_tag_object(env, object, &T::TAG);
}

}  // namespace tertulia
