// What a process may do with itself that Node has no call for.
#pragma once

#include <napi.h>

namespace sluice {

// writeNow(descriptor: number, octets: Uint8Array): number, how many were written: what would have to be waited for is not.
Napi::Value write_now(const Napi::CallbackInfo& info);

// exitNow(code: number): never. Node waits for its threads first, and one of them may wait in the kernel for good.
Napi::Value exit_now(const Napi::CallbackInfo& info);

// become(program: string, args: string[], environment: string[], endsWithParent: boolean): number: an errno, if it comes back at all. The process
// goes on as that program, with its number, its parent and its standard streams.
Napi::Value become(const Napi::CallbackInfo& info);

}  // namespace sluice
