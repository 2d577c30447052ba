// What a process can do with itself but Node has no function for.
#pragma once

#include <napi.h>

namespace sluice {

// writeNow(descriptor: number, octets: Uint8Array): number, how many were written without blocking.
Napi::Value write_now(const Napi::CallbackInfo& info);

// exitNow(code: number): never. Node would first wait for its threads, and one of them may be stuck in the kernel.
Napi::Value exit_now(const Napi::CallbackInfo& info);

// become(program: string, args: string[], environment: string[], endsWithParent: boolean): number: an errno, if it returns at all. The
// process continues as that program, with the same process id, parent and standard streams.
Napi::Value become(const Napi::CallbackInfo& info);

}  // namespace sluice
