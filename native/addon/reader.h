// The scanner for JavaScript: what is where in a message or a text, as numbers in a table. JavaScript never parses SIP by itself.
#pragma once

#include <napi.h>

namespace sluice {

// Exports readMessage, readList, readUri, readAddress, readVia and readParameters; src/native/binding.ts says what they do.
void define_reader(Napi::Env env, Napi::Object exports);

}  // namespace sluice
