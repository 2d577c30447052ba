#include "core/sip/via.h"

#include "core/sip/head_map.h"
#include "core/sip/lexer.h"

namespace sluice {

namespace {

uint16_t port_or_zero(Text digits) noexcept {
  uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  return read_port(digits.data(), end, port) == end ? port : 0;
}

// False if a parameter that affects routing lacks the value it needs or is there a second time.
[[gnu::always_inline]] inline bool note_param(const Param& param, Via& out) noexcept {
  const bool has_value = !param.value.empty();
  switch (param.name.size()) {
    case 4:
      if (!same_word(param.name, "keep")) return true;
      if (out.has_keep) return false;
      out.has_keep = true;
      out.keep_has_value = has_value;
      out.keep_param = param.whole;
      return true;
    case 5:
      if (same_word(param.name, "rport")) {
        if (out.has_rport) return false;
        out.has_rport = true;
        if (has_value) out.rport = port_or_zero(param.value);
        out.rport_param = param.whole;
      } else if (same_word(param.name, "maddr")) {
        if (!has_value || !out.maddr.empty()) return false;
        out.maddr = param.value;
      }
      return true;
    case 6:
      if (!same_word(param.name, "branch")) return true;
      if (!has_value || !out.branch.empty()) return false;
      out.branch = param.value;
      return true;
    case 8:
      if (!same_word(param.name, "received")) return true;
      if (!has_value || !out.received.empty()) return false;
      out.received = param.value;
      out.received_param = param.whole;
      return true;
    default: return true;
  }
}

struct ReadParam {
  const char* p;       // after it and the LWS behind it; nullptr: it is faulty
  const char* behind;  // after it
};

// A parameter that has blanks, or a value that is not plain.
template <typename Runs>
[[gnu::cold, gnu::noinline]] ReadParam note_any_param(const Runs& runs, const char* p, const char* end, Via& out) noexcept {
  Param param;
  p = read_any_param(runs, p, end, param);
  if (p == nullptr || (same_word(param.name, "branch") && !is_token(runs, param.value)) || !note_param(param, out)) return {nullptr, nullptr};
  return {p, param.whole.data() + param.whole.size()};
}

// A token followed by '/', with LWS around the '/'.
template <typename Runs>
const char* skip_token_slash(const Runs& runs, const char* p, const char* end) noexcept {
  const char* behind = runs.skip(p, end, kChar_token);
  if (behind == p) return nullptr;
  p = skip_lws(behind, end);
  return p < end && *p == '/' ? skip_lws(p + 1, end) : nullptr;
}

// sent-protocol LWS sent-by. A version other than 2.0 is not a fault here: the request must be answered with 505.
template <typename Runs>
[[gnu::cold, gnu::noinline]] const char* read_any_sent_by(const Runs& runs, const char* p, const char* end, Via& out) noexcept {
  out.transport = out.host = Text();
  p = skip_token_slash(runs, p, end);
  if (p == nullptr) return nullptr;
  p = skip_token_slash(runs, p, end);
  if (p == nullptr) return nullptr;
  const char* behind = runs.skip(p, end, kChar_token);
  const char* host = skip_lws(behind, end);
  if (behind == p || host == behind) return nullptr;
  out.transport = between(p, behind);
  p = skip_host(runs, host, end);
  if (p == nullptr) return nullptr;
  out.host = between(host, p);
  const char* colon = skip_lws(p, end);
  return colon < end && *colon == ':' ? read_port(skip_lws(colon + 1, end), end, out.port) : p;
}

template <typename Runs>
[[gnu::always_inline]] inline const char* read_sent_by(const Runs& runs, const char* p, const char* end, Via& out) noexcept {
  constexpr size_t kUsual = 8;
  if (static_cast<size_t>(end - p) > kUsual && begins_with(p, "SIP/2.0/")) {
    // Nearly always it is plain words with a single space.
    const char* const transport = p + kUsual;
    const char* const space = runs.plain_or_beyond(transport, end);
    if (space < end && *space == ' ' && space > transport) {
      const char* const host = space + 1;
      const char* at = runs.plain(host, end);
      if (at > host && *host != '.' && *host != '-' && !has_two_dots(p, host, at)) {
        out.transport = between(transport, space);
        out.host = between(host, at);
        if (at < end && *at == ':') at = read_port(at + 1, end, out.port);
        if (at != nullptr && (at == end || *at == ';' || *at == ',')) return at;
      }
    }
  }
  return read_any_sent_by(runs, p, end, out);
}

template <typename Runs>
bool take_via_by(const Runs& runs, Text& list, Via& out) noexcept {
  clear(out.value, out.params, out.branch, out.received, out.maddr, out.rport_param, out.received_param, out.keep_param);
  out.port = 0;
  out.rport = 0;
  out.has_rport = false;
  out.has_keep = false;
  out.keep_has_value = false;
  const char* end = list.data() + list.size();
  const char* start = skip_lws(list.data(), end);
  const char* behind = read_sent_by(runs, start, end, out);
  if (behind == nullptr) return false;
  const char* p = skip_lws(behind, end);
  const char* const params = p;
  while (p < end && *p == ';') {
    Param param;
    if (const char* const after = read_plain_param(runs, p, end, param); after != nullptr) {
      if (!note_param(param, out)) {
        out.value = between(start, behind);
        return false;
      }
      p = behind = after;
    } else {
      out.value = between(start, behind);
      const ReadParam any = note_any_param(runs, p, end, out);
      if (any.p == nullptr) return false;
      p = any.p;
      behind = any.behind;
    }
  }
  if (p < end && *p != ',') return false;
  if (behind > params) out.params = between(params, behind);
  out.value = between(start, behind);
  list = between(p, end);
  return true;
}

}  // namespace

bool take_via(Text& list, Via& out) noexcept { return take_via_by(CharRuns(), list, out); }

bool take_via(const HeadMap& map, Text& list, Via& out) noexcept { return take_via_by(map, list, out); }

bool parse_via(Text value, Via& out) noexcept { return take_via(value, out) && value.empty(); }

}  // namespace sluice
