#include "core/sip/name_addr.h"

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

// Skips the display name and returns the position of the '<', or of a URI without brackets.
template <typename Runs>
[[gnu::always_inline]] inline const char* read_beginning(const Runs& runs, const char* p, const char* end, NameAddr& out) noexcept {
  if (p == end) return nullptr;
  if (*p == '<') return p;
  if (*p == '"') {
    const char* quote = p;
    p = skip_quoted(p, end);
    if (p == nullptr) return nullptr;
    out.display = between(quote, p);
    p = skip_lws(p, end);
    return p < end && *p == '<' ? p : nullptr;
  }
  // A colon right after the first token makes it a scheme: no token contains a colon.
  const char* first = runs.skip(p, end, kChar_token);
  if (first < end && *first == ':') return p;
  return read_display(runs, p, end, out.display);
}

// `p` is at the ';' of an instance as nearly all are. Returns the position after it; nullptr: read_param must say.
[[gnu::always_inline]] inline const char* skip_instance(const char* p, const char* end) noexcept {
  static constexpr char kUsual[] = ";+sip.instance=\"";
  constexpr ptrdiff_t kSize = sizeof kUsual - 1;
  if (end - p < kSize || p[1] != kUsual[1] || !begins_with(p, kUsual)) return nullptr;
  p = skip_quoted(p + kSize - 1, end);
  return p != nullptr && (p == end || *p == ';' || *p == ',') ? p : nullptr;
}

[[gnu::always_inline]] inline void note_param(const Param& param, NameAddr& out) noexcept {
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

// `read_uri(p, end)` reads the URI at `p`, with angle brackets if it has them; nullptr: it is faulty.
template <typename Runs, typename ReadUri>
[[gnu::always_inline]] inline bool take_by(const Runs& runs, Text& list, NameAddr& out, const ReadUri& read_uri) noexcept {
  clear(out.value, out.display, out.uri_text, out.params, out.tag);
  out.tags = 0;
  out.has_reg_id = false;
  out.has_instance = false;
  out.bracketed = false;
  const char* end = list.data() + list.size();
  const char* start = skip_lws(list.data(), end);
  const char* p = read_beginning(runs, start, end, out);
  if (p == nullptr) return false;
  p = read_uri(p, end);
  if (p == nullptr) return false;
  const char* behind = p;
  p = skip_lws(p, end);
  if (p < end && *p == ';') {
    const char* params = p;
    do {
      if (const char* const after = skip_instance(p, end); after != nullptr) {
        out.has_instance = true;
        p = behind = after;
        continue;
      }
      Param param;
      p = read_param(runs, p, end, param);
      if (p == nullptr) return false;
      note_param(param, out);
      behind = param.whole.data() + param.whole.size();
    } while (p < end && *p == ';');
    out.params = between(params, behind);
  }
  if (p < end && *p != ',') return false;
  out.value = between(start, behind);
  list = between(p, end);
  return true;
}

}  // namespace

bool take_name_addr(Text& list, NameAddr& out) noexcept {
  return take_by(CharRuns(), list, out, [&out](const char* p, const char* end) { return *p == '<' ? read_bracketed(p, end, out) : read_bare(p, end, out); });
}

bool take_address(const HeadMap& map, Text& list, NameAddr& out, Uri& uri) noexcept {
  return take_by(map, list, out, [&](const char* p, const char* end) {
    if (*p == '<') {
      if (const char* const behind = read_usual_uri(map, p + 1, end, uri); behind != nullptr && behind < end && *behind == '>') {
        out.uri_text = between(p + 1, behind);
        out.bracketed = true;
        return behind + 1;
      }
      p = read_bracketed(p, end, out);
    } else {
      p = read_bare(p, end, out);
    }
    return p != nullptr && parse_uri(map, out.uri_text, uri) ? p : nullptr;
  });
}

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

// The next octet that ends a value, or begins a part in which a comma does not end it. The list begins at `text`.
static const char* skip_value_text([[maybe_unused]] const char* text, const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  const auto found = [](const char* at) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8(',')), _mm_cmpeq_epi8(octets, _mm_set1_epi8('"')));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(marks, _mm_cmpeq_epi8(octets, _mm_set1_epi8('<')))));
  };
  for (; end - p >= 16; p += 16)
    if (const uint32_t marks = found(p); marks != 0) return p + std::countr_zero(marks);
  if (p < end && end - text >= 16) {
    const uint32_t marks = found(end - 16) >> (16 - (end - p));
    return marks != 0 ? p + std::countr_zero(marks) : end;
  }
#endif
  while (p < end && *p != ',' && *p != '"' && *p != '<') ++p;
  return p;
}

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
      p = skip_value_text(text_, p, end);
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
