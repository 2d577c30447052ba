// A text and descriptors on their way between JavaScript and a DescriptorChannel: `Part` in src/process/bequest.ts.
#pragma once

#include <napi.h>

#include <vector>

#include "core/base/bytes.h"

namespace sluice {

// number[]
std::vector<int> read_descriptors(const Napi::Value& list);
Napi::Array descriptor_list(Napi::Env env, const int* descriptors, size_t count);
// {text, descriptors}
Napi::Object part_object(Napi::Env env, Text text, const int* descriptors, size_t count);
// 0 or an errno, E2BIG: these are too many.
int send_part(int channel, Text octets, const Napi::Value& descriptors, int patience_ms);

}  // namespace sluice
