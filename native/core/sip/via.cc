#include "core/sip/via.h"

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
    case 4: return same_text(name, "keep") ? kKeepParam : 0;
    case 5: return same_text(name, "rport") ? kRport : same_text(name, "maddr") ? kMaddr : 0;
    case 6: return same_text(name, "branch") ? kBranch : 0;
    case 8: return same_text(name, "received") ? kReceived : 0;
    default: return 0;
  }
}

uint16_t port_or_zero(Text digits) noexcept {
  uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  return read_port(digits.data(), end, port) == end ? port : 0;
}

// False if a parameter that affects routing lacks the value it needs.
bool note_param(const Param& param, uint32_t bit, Via& out) noexcept {
  switch (bit) {
    case kBranch:
      out.branch = param.value;
      return is_token(param.value);
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
const char* skip_token_slash(const char* p, const char* end) noexcept {
  const char* behind = skip_class(p, end, kChar_token);
  if (behind == p) return nullptr;
  p = skip_lws(behind, end);
  return p < end && *p == '/' ? skip_lws(p + 1, end) : nullptr;
}

// sent-protocol LWS sent-by. A version other than 2.0 is not a fault here: the request must be answered with 505.
const char* read_sent_by(const char* p, const char* end, Via& out) noexcept {
  p = skip_token_slash(p, end);
  if (p == nullptr) return nullptr;
  p = skip_token_slash(p, end);
  if (p == nullptr) return nullptr;
  const char* behind = skip_class(p, end, kChar_token);
  const char* host = skip_lws(behind, end);
  if (behind == p || host == behind) return nullptr;
  out.transport = between(p, behind);
  p = skip_host(host, end);
  if (p == nullptr) return nullptr;
  out.host = between(host, p);
  const char* colon = skip_lws(p, end);
  return colon < end && *colon == ':' ? read_port(skip_lws(colon + 1, end), end, out.port) : p;
}

}  // namespace

bool take_via(Text& list, Via& out) noexcept {
  out = Via{};
  const char* end = list.data() + list.size();
  const char* start = skip_lws(list.data(), end);
  const char* behind = read_sent_by(start, end, out);
  if (behind == nullptr) return false;
  const char* p = skip_lws(behind, end);
  const char* params = p;
  uint32_t seen = 0;
  while (p < end && *p == ';') {
    out.value = between(start, behind);
    Param param;
    p = read_param(p, end, param);
    if (p == nullptr) return false;
    const uint32_t bit = bit_of_via_param(param.name);
    if ((seen & bit) != 0 || !note_param(param, bit, out)) return false;
    seen |= bit;
    behind = param.whole.data() + param.whole.size();
  }
  if (p < end && *p != ',') return false;
  if (behind > params) out.params = between(params, behind);
  out.value = between(start, behind);
  list = between(p, end);
  return true;
}

bool parse_via(Text value, Via& out) noexcept { return take_via(value, out) && value.empty(); }

}  // namespace sluice
