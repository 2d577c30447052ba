// One REGISTER as a registrar reads it (RFC 3261 10.3, RFC 5626 6): what it asks for as numbers, for the policy to decide on, and the texts
// that its binding consists of.
//
// It reads what phones send every day: one Contact of one of our users. It leaves everything folded, escaped, duplicate, refused or rare
// to the object path, which applies the same rules, from src/registrar.
#pragma once

#include "core/base/edit_list.h"
#include "core/base/layout.h"
#include "core/home/served_domains.h"
#include "core/relay/source.h"
#include "core/sip/message.h"

namespace sluice {

struct RegisterRequest {
  RegisterRequest() noexcept {}
  RegisterRequest(const RegisterRequest&) = delete;  // the copy's views would point into the original
  RegisterRequest& operator=(const RegisterRequest&) = delete;

  // Views of the message, or of `texts`.
  Text aor;
  Text call_id;
  Text uri;       // of the Contact, without the angle brackets
  Text params;    // of the Contact, echoed in the response
  Text instance;  // as a URN
  Text key;       // of the binding: of a flow if it asks for one, else of a plain Contact
  Text path;      // netstrings
  Text agent;
  uint32_t cseq = 0;
  uint32_t reg_id = 0;
  uint32_t flags = 0;  // kAsk_ bits
  int32_t asked = -1;  // seconds; -1: none given

  // All texts together fit, or the request is left to the object path.
  static constexpr size_t kRoom = 8'192;
  char texts[kRoom];
};

// False: this REGISTER is for the object path. `aor` is set anyway if the To names one of our users.
bool read_register(const Message& message, const Source& source, const ServedDomains& domains, RegisterRequest& out) noexcept;

// Steps through a path stored as netstrings. False: there are no more values.
bool next_path_value(Text& path, Text& value) noexcept;

}  // namespace sluice
