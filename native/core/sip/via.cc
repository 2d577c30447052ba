#include "core/sip/via.h"

#include "core/sip/head_map.h"
#include "core/sip/lexer.h"

namespace sluice {

namespace {

constexpr uint32_t kBranch = 1;
constexpr uint32_t kReceived = 2;
constexpr uint32_t kRport = 4;
constexpr uint32_t kMaddr = 8;
constexpr uint32_t kKeepParam = 16;

uint32_t bit_of_via_param(Text name) noexcept {
  switch (name.size()) {
    case 4: return same_word(name, "keep") ? kKeepParam : 0;
    case 5: return same_word(name, "rport") ? kRport : same_word(name, "maddr") ? kMaddr : 0;
    case 6: return same_word(name, "branch") ? kBranch : 0;
    case 8: return same_word(name, "received") ? kReceived : 0;
    default: return 0;
  }
}

uint16_t port_or_zero(Text digits) noexcept {
  uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  return read_port(digits.data(), end, port) == end ? port : 0;
}

// False if a parameter that affects routing lacks the value it needs.
template <typename Runs>
bool note_param(const Runs& runs, const Param& param, uint32_t bit, Via& out) noexcept {
  switch (bit) {
    case kBranch:
      out.branch = param.value;
      return is_token(runs, param.value);
    case kReceived:
      out.received = param.value;
      out.received_param = param.whole;
      return !param.value.empty();
    case kRport:
      out.has_rport = true;
      out.rport = port_or_zero(param.value);
      out.rport_param = param.whole;
      return true;
    case kMaddr:
      out.maddr = param.value;
      return !param.value.empty();
    case kKeepParam:
      out.has_keep = true;
      out.keep_has_value = !param.value.empty();
      out.keep_param = param.whole;
      return true;
    default: return true;
  }
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
const char* read_sent_by(const Runs& runs, const char* p, const char* end, Via& out) noexcept {
  constexpr Text kUsual = "SIP/2.0/";
  const Text rest = between(p, end);
  if (rest.starts_with(kUsual) && rest.size() > kUsual.size() && is_class(rest[kUsual.size()], kChar_token)) {
    p += kUsual.size();
  } else {
    p = skip_token_slash(runs, p, end);
    if (p == nullptr) return nullptr;
    p = skip_token_slash(runs, p, end);
    if (p == nullptr) return nullptr;
  }
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
bool take_via_by(const Runs& runs, Text& list, Via& out) noexcept {
  out = Via{};
  const char* end = list.data() + list.size();
  const char* start = skip_lws(list.data(), end);
  const char* behind = read_sent_by(runs, start, end, out);
  if (behind == nullptr) return false;
  const char* p = skip_lws(behind, end);
  const char* params = p;
  uint32_t seen = 0;
  while (p < end && *p == ';') {
    out.value = between(start, behind);
    Param param;
    p = read_param(runs, p, end, param);
    if (p == nullptr) return false;
    const uint32_t bit = bit_of_via_param(param.name);
    if ((seen & bit) != 0 || !note_param(runs, param, bit, out)) return false;
    seen |= bit;
    behind = param.whole.data() + param.whole.size();
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
