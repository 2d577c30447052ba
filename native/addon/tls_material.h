// Reads certificates and keys; their shape is TlsMaterial in src/native/binding.ts.
#pragma once

#include <napi.h>

#include "../tls/openssl_provider.h"

namespace sluice {

TlsMaterial read_tls_material(const Napi::Object& from);

}  // namespace sluice
