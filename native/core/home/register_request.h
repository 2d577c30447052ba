// One REGISTER as a registrar reads it (RFC 3261 10.3, RFC 5626 6): what it asks for in numbers, which the policy decides by, and the texts
// that a binding is made of.
//
// It reads what phones send every day: one Contact of a user of ours. In whatever is folded, escaped, doubled, refused or rare it reads
// nothing; the object path reads that, by the same rules, which stand in src/registrar.
#pragma once

#include "core/base/edit_list.h"
#include "core/base/layout.h"
#include "core/home/served_domains.h"
#include "core/relay/source.h"
#include "core/sip/message.h"

namespace sluice {

struct RegisterRequest {
  RegisterRequest() noexcept {}
  RegisterRequest(const RegisterRequest&) = delete;  // its views would lead astray
  RegisterRequest& operator=(const RegisterRequest&) = delete;

  // Views of the message, or of `texts`.
  Text aor;
  Text call_id;
  Text uri;       // of the Contact, without its angle brackets
  Text params;    // of the Contact, to be echoed
  Text instance;  // as a URN
  Text key;       // of its binding: of a flow if it asks for one, else of a plain Contact
  Text path;      // netstrings
  Text agent;
  uint32_t cseq = 0;
  uint32_t reg_id = 0;
  uint32_t flags = 0;  // kAsk_ bits
  int32_t asked = -1;  // seconds; -1: it does not say

  // All values of Path together stay below this, and so does everything else.
  static constexpr size_t kRoom = 8'192;
  char texts[kRoom];
};

// False: it is not one that can be read here. `aor` is set all the same if the To names a user of ours.
bool read_register(const Message& message, const Source& source, const ServedDomains& domains, RegisterRequest& out) noexcept;

// Steps through a path that is kept as netstrings. False: there is no further value.
bool next_path_value(Text& path, Text& value) noexcept;

}  // namespace sluice
