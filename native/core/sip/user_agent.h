// The User-Agent of a message (RFC 3261 20.41). Only the operator reads this header, so the scanner has no HeaderId for it.
#pragma once

#include "core/sip/message.h"

namespace sluice {

// The whole value, folds included; empty: there is none.
Text user_agent(const Message& message) noexcept;

}  // namespace sluice
