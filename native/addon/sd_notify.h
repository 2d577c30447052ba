// Reports the state of the process to the service manager (sd_notify(3)): Node has no Unix datagram sockets.
#pragma once

#include <napi.h>

namespace sluice {

// sdNotify(state: string): boolean: false without NOTIFY_SOCKET or if it cannot be reached
Napi::Value sd_notify(const Napi::CallbackInfo& info);

}  // namespace sluice
