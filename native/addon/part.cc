#include "part.h"

#include <cerrno>

#include "core/transport/descriptor_channel.h"

namespace sluice {

std::vector<int> read_descriptors(const Napi::Value& list) {
  const auto numbers = list.As<Napi::Array>();
  std::vector<int> descriptors;
  for (uint32_t i = 0; i < numbers.Length(); ++i) descriptors.push_back(Napi::Value(numbers[i]).ToNumber().Int32Value());
  return descriptors;
}

Napi::Array descriptor_list(Napi::Env env, const int* descriptors, size_t count) {
  Napi::Array list = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; ++i) list[i] = static_cast<double>(descriptors[i]);
  return list;
}

Napi::Object part_object(Napi::Env env, Text text, const int* descriptors, size_t count) {
  Napi::Object part = Napi::Object::New(env);
  part.Set("text", Napi::String::New(env, text.data(), text.size()));
  part.Set("descriptors", descriptor_list(env, descriptors, count));
  return part;
}

int send_part(int channel, Text octets, const Napi::Value& descriptors, int patience_ms) {
  const std::vector<int> given = read_descriptors(descriptors);
  if (given.size() > DescriptorChannel::kMostDescriptors) return E2BIG;
  DescriptorChannel to(channel);
  to.set_patience(patience_ms);
  return to.send(octets, given.data(), given.size());
}

}  // namespace sluice
