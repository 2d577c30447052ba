// Credentials that a client repeats within a dialog, above all in its ACK (RFC 3261 22.1), although we are the proxy that asked for them.
// They end here, because anyone further on could use them to guess the password. Those for other realms pass (22.3).
#pragma once

#include <string>
#include <vector>

#include "core/base/edit_list.h"
#include "core/sip/message.h"

namespace sluice {

// Cuts the Authorization and Proxy-Authorization lines that name one of the realms.
void cut_own_credentials(const Message& message, const std::vector<std::string>& realms, EditList& edits) noexcept;

bool names_realm(Text credentials, const std::vector<std::string>& realms) noexcept;

}  // namespace sluice
