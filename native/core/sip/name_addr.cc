#include "core/sip/name_addr.h"

#include <array>
#include <cstring>

#include "core/sip/head_map.h"
#include "core/sip/lexer.h"

namespace sluice {

namespace {

// An unquoted display name: tokens separated by LWS. Returns the position of the '<', or nullptr if there is something else.
template <typename Runs>
const char* read_display(const Runs& runs, const char* p, const char* end, Text& display) noexcept {
  const char* start = p;
  const char* behind = p;
  while (p < end && *p != '<') {
    behind = runs.skip(p, end, kChar_token);
    if (behind == p) return nullptr;
    p = skip_lws(behind, end);
  }
  display = between(start, behind);
  return p < end ? p : nullptr;
}

const char* read_bracketed(const char* p, const char* end, NameAddr& out) noexcept {
  const char* uri = ++p;
  p = static_cast<const char*>(std::memchr(p, '>', static_cast<size_t>(end - p)));
  if (p == nullptr || p == uri) return nullptr;
  out.uri_text = between(uri, p);
  out.bracketed = true;
  return p + 1;
}

// Whatever ends a URI without brackets belongs to the header (RFC 3261 20): ',' ';' '?' and blanks.
const char* read_bare(const char* p, const char* end, NameAddr& out) noexcept {
  const char* uri = p;
  while (p < end && *p != ',' && *p != ';' && *p != '?' && *p != '<' && *p != '>' && *p != '"' && *p != ' ' && !is_control(*p)) ++p;
  if (p == uri) return nullptr;
  out.uri_text = between(uri, p);
  return p;
}

// Reads up to the parameters.
template <typename Runs>
const char* read_address(const Runs& runs, const char* p, const char* end, NameAddr& out) noexcept {
  if (p == end) return nullptr;
  if (*p == '<') return read_bracketed(p, end, out);
  if (*p == '"') {
    const char* quote = p;
    p = skip_quoted(p, end);
    if (p == nullptr) return nullptr;
    out.display = between(quote, p);
    p = skip_lws(p, end);
    return p < end && *p == '<' ? read_bracketed(p, end, out) : nullptr;
  }
  // A colon right after the first token makes it a scheme: no token contains a colon.
  const char* first = runs.skip(p, end, kChar_token);
  if (first < end && *first == ':') return read_bare(p, end, out);
  p = read_display(runs, p, end, out.display);
  return p == nullptr ? nullptr : read_bracketed(p, end, out);
}

void note_param(const Param& param, NameAddr& out) noexcept {
  switch (param.name.size()) {
    case 3:
      if (!same_word(param.name, "tag")) return;
      out.tag = param.value;
      if (out.tags < 2) ++out.tags;
      return;
    case 6: out.has_reg_id |= same_word(param.name, "reg-id"); return;
    case 13: out.has_instance |= same_word(param.name, "+sip.instance"); return;
    default: return;
  }
}

template <typename Runs>
bool take_name_addr_by(const Runs& runs, Text& list, NameAddr& out) noexcept {
  out = NameAddr{};
  const char* end = list.data() + list.size();
  const char* start = skip_lws(list.data(), end);
  const char* p = read_address(runs, start, end, out);
  if (p == nullptr) return false;
  const char* behind = p;
  p = skip_lws(p, end);
  if (p < end && *p == ';') {
    const char* params = p;
    Param param;
    do {
      p = read_param(runs, p, end, param);
      if (p == nullptr) return false;
      note_param(param, out);
    } while (p < end && *p == ';');
    behind = param.whole.data() + param.whole.size();
    out.params = between(params, behind);
  }
  if (p < end && *p != ',') return false;
  out.value = between(start, behind);
  list = between(p, end);
  return true;
}

}  // namespace

bool take_name_addr(Text& list, NameAddr& out) noexcept { return take_name_addr_by(CharRuns(), list, out); }

bool take_name_addr(const HeadMap& map, Text& list, NameAddr& out) noexcept { return take_name_addr_by(map, list, out); }

bool parse_name_addr(Text value, NameAddr& out) noexcept { return take_name_addr(value, out) && value.empty(); }

bool find_param(Text params, Text name, Text* value) noexcept {
  const char* p = params.data();
  const char* end = p + params.size();
  Param param;
  while (p < end && *p == ';') {
    p = read_param(CharRuns(), p, end, param);
    if (p == nullptr) return false;
    if (same_text(param.name, name)) {
      if (value != nullptr) *value = param.value;
      return true;
    }
  }
  return false;
}

// Octets that end a value, or begin a part in which a comma does not end it.
static constexpr std::array<bool, 256> kMayEnd = [] {
  std::array<bool, 256> table{};
  for (char c : {',', '"', '<'}) table[static_cast<uint8_t>(c)] = true;
  return table;
}();

bool ValueList::next(Text& value) noexcept {
  if (done_) return false;
  const char* end = rest_.data() + rest_.size();
  const char* start = skip_lws(rest_.data(), end);
  if (first_ && start == end) {
    done_ = true;
    return false;
  }
  first_ = false;
  const char* p = start;
  while (p < end && *p != ',') {
    if (*p == '"') {
      p = skip_quoted(p, end);
      if (p == nullptr) sound_ = false, p = end;
    } else if (*p == '<') {
      p = static_cast<const char*>(std::memchr(p, '>', static_cast<size_t>(end - p)));
      if (p == nullptr) sound_ = false, p = end;
    } else {
      do ++p;
      while (p < end && !kMayEnd[static_cast<uint8_t>(*p)]);
    }
  }
  value = between(start, trim_lws(start, p));
  if (p == end) {
    done_ = true;
  } else {
    rest_ = between(p + 1, end);
  }
  return true;
}

}  // namespace sluice
