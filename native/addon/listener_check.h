// Checks, before any shard starts, that a listener's address is free: with SO_REUSEPORT a second process would silently share it.
#pragma once

#include <napi.h>

namespace sluice {

// checkListener(transport: Transport, host: string, port: number): number: the port (the kernel's choice for 0), or -errno
Napi::Value check_listener(const Napi::CallbackInfo& info);

}  // namespace sluice
