// Credentials that a client sends along within a dialog, most of all with its ACK (RFC 3261 22.1), though the proxy that asked for them is
// us: they end here, for whoever gets them further on could guess the password. Those for other realms pass (22.3).
#pragma once

#include <string>
#include <vector>

#include "core/base/edit_list.h"
#include "core/sip/message.h"

namespace sluice {

// Cuts the lines of Authorization and Proxy-Authorization that name one of the realms.
void cut_own_credentials(const Message& message, const std::vector<std::string>& realms, EditList& edits) noexcept;

bool names_realm(Text credentials, const std::vector<std::string>& realms) noexcept;

}  // namespace sluice
