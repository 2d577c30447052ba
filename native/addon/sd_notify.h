// Tells the service manager how the process does (sd_notify(3)): Node has no datagram sockets of the unix family.
#pragma once

#include <napi.h>

namespace sluice {

// sdNotify(state: string): boolean: false without NOTIFY_SOCKET or when it cannot be reached
Napi::Value sd_notify(const Napi::CallbackInfo& info);

}  // namespace sluice
