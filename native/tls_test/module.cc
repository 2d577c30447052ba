// The tests of native/tls as a module, because Node's binary has the OpenSSL that they are about: run(["part of a name", …]) returns the exit status,
// measure() prints what records cost.
#include <node_api.h>

#include "record_bench.h"
#include "test/check.h"

namespace {

napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value names = nullptr;
  napi_get_cb_info(env, info, &count, &names, nullptr, nullptr);
  uint32_t length = 0;
  if (count == 1) napi_get_array_length(env, names, &length);
  std::vector<std::string> words = {"tls_test"};
  for (uint32_t i = 0; i < length; ++i) {
    napi_value name = nullptr;
    char text[256] = "";
    if (napi_get_element(env, names, i, &name) == napi_ok) napi_get_value_string_utf8(env, name, text, sizeof text, nullptr);
    words.emplace_back(text);
  }
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  const int status = sluice::test::run(static_cast<int>(pointers.size()), pointers.data());
  std::fflush(stdout);
  napi_value result = nullptr;
  napi_create_int32(env, status, &result);
  return result;
}

napi_value measure(napi_env, napi_callback_info) {
  sluice::test::measure_records();
  std::fflush(stdout);
  return nullptr;
}

void offer(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value made = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &made);
  napi_set_named_property(env, exports, name, made);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  offer(env, exports, "run", run);
  offer(env, exports, "measure", measure);
  return exports;
}
