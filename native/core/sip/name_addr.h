// name-addr and addr-spec header values with their parameters: From, To, Contact, Route, Record-Route, Path (RFC 3261 20.10, 25.1).
#pragma once

#include "core/base/bytes.h"
#include "core/sip/uri.h"

namespace sluice {

class HeadMap;

struct NameAddr {
  Text value;     // all of it, without surrounding blanks
  Text display;   // raw, quotes kept; empty: none
  Text uri_text;  // without angle brackets
  Text params;    // raw header parameters, including the first ';'; empty: none
  Text tag;       // value of the last parameter "tag"
  uint8_t tags = 0;  // how many there are; 2: two or more
  bool has_reg_id = false;
  bool has_instance = false;  // "+sip.instance" (RFC 5626 4.1)
  bool bracketed = false;
};

// Reads one value (no comma list). Quoted strings must close, LWS and folding are legal where the grammar allows them, an unquoted
// display name consists of tokens, and in an addr-spec without brackets ',' ';' '?' end the URI (GR-10). The parameters must be
// well formed (generic-param). `uri_text` is not checked any further: call parse_uri.
bool parse_name_addr(Text value, NameAddr& out) noexcept;

// Reads the first value of a comma list by the same rules and advances `list` to the comma or the end.
bool take_name_addr(Text& list, NameAddr& out) noexcept;
// The same for a list in a head that has been mapped; reads the URI as well. False, too, if parse_uri would say so.
bool take_address(const HeadMap& map, Text& list, NameAddr& out, Uri& uri) noexcept;

// Finds a header parameter by name, ignoring case; skips quoted values as a whole. `value` is raw: a quoted string keeps its quotes.
// LWS around ';' and '=' is legal (GR-17).
bool find_param(Text params, Text name, Text* value) noexcept;

// Steps through a comma list: quoted strings and angle brackets hide commas (GR-9). Blanks and folds around a value are trimmed.
class ValueList {
 public:
  explicit ValueList(Text line_value) noexcept : text_(line_value.data()), rest_(line_value) {}
  // False at the end, and at once for a line without a value. An empty element (",,", a leading or trailing comma) comes back as an
  // empty view: the caller decides.
  bool next(Text& value) noexcept;
  // False: one of the values so far has a quoted string or an angle bracket that does not close.
  bool is_sound() const noexcept { return sound_; }

 private:
  const char* text_;  // where the whole list begins
  Text rest_;
  bool first_ = true;
  bool done_ = false;
  bool sound_ = true;
};

}  // namespace sluice
