// Octets as JavaScript strings of latin1 characters, one for each octet, and back.
#pragma once

#include <napi.h>

#include <string>

#include "core/base/bytes.h"

namespace sluice {

inline Napi::Value to_latin1(Napi::Env env, Text octets) {
  napi_value text = nullptr;
  napi_create_string_latin1(env, octets.data(), octets.size(), &text);
  return Napi::Value(env, text);
}

inline std::string from_latin1(const Napi::Value& text) {
  size_t size = 0;
  napi_get_value_string_latin1(text.Env(), text, nullptr, 0, &size);
  std::string octets(size, '\0');
  napi_get_value_string_latin1(text.Env(), text, octets.data(), size + 1, &size);
  return octets;
}

}  // namespace sluice
