// Whether a listener's address can be had, asked before any shard starts: SO_REUSEPORT would let a second process join in silence.
#pragma once

#include <napi.h>

namespace sluice {

// checkListener(transport: Transport, host: string, port: number): number: the port (the kernel's choice for 0), or -errno
Napi::Value check_listener(const Napi::CallbackInfo& info);

}  // namespace sluice
