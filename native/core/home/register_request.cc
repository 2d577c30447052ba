#include "core/home/register_request.h"

#include <algorithm>

#include "core/home/binding_key.h"
#include "core/home/contact_key.h"
#include "core/relay/uri_place.h"
#include "core/sip/lexer.h"
#include "core/sip/name_addr.h"
#include "core/sip/user_agent.h"

namespace sluice {
namespace {

// The same limits as in src/registrar.
constexpr size_t kMaxAorOctets = 512;
constexpr size_t kMaxCallId = 512;
constexpr size_t kMaxAgent = 256;
constexpr size_t kMaxContact = 1'024;
constexpr size_t kMaxInstanceOctets = 256;
constexpr Text kUrn = "urn:";
constexpr uint32_t kMaxPathValues = 20;
constexpr size_t kMaxCSeqDigits = 10;
constexpr size_t kMaxRegIdDigits = 9;
// Stands for an invalid time (RFC 3261 20.10).
constexpr int32_t kHour = 3'600;

bool is_folded(Text value) noexcept { return value.find('\r') != Text::npos; }

bool is_doubled(const Message& message, HeaderId id) noexcept {
  const HeaderLine* const line = message.line(id);
  return line != nullptr && message.next(*line) != nullptr;
}

// False: not a number. Numbers that are too large become INT32_MAX.
bool read_number(Text digits, int32_t& out) noexcept {
  int64_t number = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return false;
    number = std::min<int64_t>(number * 10 + (c - '0'), INT32_MAX);
  }
  out = static_cast<int32_t>(number);
  return !digits.empty();
}

int32_t read_seconds(Text value) noexcept {
  int32_t seconds;
  return read_number(value, seconds) ? seconds : kHour;
}

class Reading {
 public:
  Reading(const Message& message, const Source& source, const ServedDomains& domains, RegisterRequest& out) noexcept
      : message_(message), source_(source), domains_(domains), out_(out), texts_(out.texts, RegisterRequest::kRoom) {}

  bool run() noexcept {
    out_.aor = out_.call_id = out_.uri = out_.params = out_.instance = out_.key = out_.path = out_.agent = Text();
    out_.cseq = message_.cseq;
    out_.reg_id = out_.flags = 0;
    out_.asked = -1;
    return read_to() && is_plain() && read_options() && read_path() && read_contact() && read_agent() && !texts_.full();
  }

 private:
  // RFC 3261 10.3 step 5.
  bool read_to() noexcept {
    const Text value = message_.text(message_.to_value);
    const Uri& uri = message_.to_uri;
    if (value.empty() || is_folded(value) || !is_sip(uri) || !uri.has_user) return false;
    const Text host = domains_.shown(uri.host);
    // An escape may mean the same as the character.
    if (host.empty() || uri.user.find('%') != Text::npos) return false;
    const size_t mark = texts_.size();
    for (const Text part : {Text("sip:"), uri.user, Text("@"), host}) texts_.put(part);
    out_.aor = texts_.since(mark);
    return out_.aor.size() <= kMaxAorOctets;
  }

  // Whether nothing in it needs the object path.
  bool is_plain() noexcept {
    if (message_.request_uri.empty() || !is_sip(message_.uri) || !domains_.leads_here(message_.uri.host)) return false;
    for (const HeaderId rare : {HeaderId::require, HeaderId::record_route})
      if (message_.line(rare) != nullptr) return false;
    for (const HeaderId single : {HeaderId::contact, HeaderId::expires, HeaderId::max_breadth, HeaderId::event})
      if (is_doubled(message_, single)) return false;
    if (!message_.has_via || is_folded(message_.value(*message_.line(HeaderId::via)))) return false;
    if (message_.via.branch.substr(0, kMagicCookie.size()) != kMagicCookie) return false;
    const Text cseq = message_.text(message_.cseq_value);
    const size_t digits = cseq.find_first_not_of("0123456789");
    out_.call_id = message_.text(message_.call_id);
    return digits <= kMaxCSeqDigits && !is_folded(cseq) && !out_.call_id.empty() && out_.call_id.size() <= kMaxCallId;
  }

  bool read_options() noexcept {
    if (message_.supports_plainly) {
      if (message_.options & kOption_supported_outbound) out_.flags |= kAsk_supports_outbound;
      if (message_.options & kOption_supported_path) out_.flags |= kAsk_supports_path;
      if (message_.options & kOption_supported_gruu) out_.flags |= kAsk_supports_gruu;
      return true;
    }
    for (const HeaderLine* line = message_.line(HeaderId::supported); line != nullptr; line = message_.next(*line)) {
      Text list = message_.value(*line);
      // JavaScript's whitespace and letter case go beyond ASCII.
      if (std::any_of(list.begin(), list.end(), [](char c) { return c == '\r' || static_cast<signed char>(c) < 0; })) return false;
      while (!list.empty()) {
        const size_t end = std::min(list.find(','), list.size());
        const char* const begin = skip_lws(list.data(), list.data() + end);
        const Text tag = between(begin, trim_lws(begin, list.data() + end));
        if (same_text(tag, "outbound")) out_.flags |= kAsk_supports_outbound;
        if (same_text(tag, "path")) out_.flags |= kAsk_supports_path;
        if (same_text(tag, "gruu")) out_.flags |= kAsk_supports_gruu;
        list.remove_prefix(std::min(end + 1, list.size()));
      }
    }
    return true;
  }

  // RFC 3327 5.3. Each value is stored byte for byte.
  bool read_path() noexcept {
    const size_t mark = texts_.size();
    uint32_t count = 0;
    for (const HeaderLine* line = message_.line(HeaderId::path); line != nullptr; line = message_.next(*line)) {
      Text list = message_.value(*line);
      if (is_folded(list)) return false;
      for (bool more = !list.empty(); more; ++count) {
        NameAddr address;
        Uri uri;
        if (count == kMaxPathValues || !take_name_addr(list, address) || !parse_uri(address.uri_text, uri) || !is_sip(uri)) return false;
        out_.flags &= ~uint32_t{kAsk_last_ob};
        out_.flags |= kAsk_path;
        if (uri.known_params & kUri_ob) out_.flags |= count == 0 ? kAsk_top_ob | kAsk_last_ob | kAsk_any_ob : kAsk_last_ob | kAsk_any_ob;
        texts_.put_number(address.value.size());
        texts_.put(':');
        texts_.put(address.value);
        more = !list.empty();
        if (more) list.remove_prefix(1);
      }
    }
    if (count == 0 && message_.line(HeaderId::path) != nullptr) return false;
    out_.path = texts_.since(mark);
    return true;
  }

  bool read_contact() noexcept {
    const HeaderLine* const line = message_.line(HeaderId::contact);
    if (line == nullptr) return false;
    const Text value = message_.value(*line);
    if (value.size() > kMaxContact || is_folded(value)) return false;
    const auto& [is_read, address, uri] = message_.contact;
    if (!is_read || uri.scheme != Scheme::sip) return false;
    // It may lead back here (RFC 5627 5.1), or mean that the phone listens where it sends from.
    Address host;
    if (!domains_.shown(uri.host).empty()) return false;
    out_.uri = address.uri_text;
    if (const HeaderLine* const expires = message_.line(HeaderId::expires); expires != nullptr) out_.asked = read_seconds(message_.value(*expires));
    if (!read_contact_params(address.params)) return false;
    if ((out_.flags & kAsk_flow) != 0) return write_flow_key();
    if (!source_.from_core && parse_ip(uri.host, host) && host.same_ip(source_.remote)) return false;
    const size_t mark = texts_.size();
    if (!write_contact_key(uri, texts_)) return false;
    out_.key = texts_.since(mark);
    return true;
  }

  bool write_flow_key() noexcept {
    char head[kFlowKeyHead];
    const size_t mark = texts_.size();
    texts_.put(Text(head, write_flow_key_head(out_.reg_id, head)));
    texts_.put(out_.instance);
    out_.key = texts_.since(mark);
    return true;
  }

  // All parameters are echoed except those that the registrar sets (RFC 5627 5.1).
  bool read_contact_params(Text params) noexcept {
    constexpr size_t kMost = 16;
    Text names[kMost];
    size_t count = 0;
    int32_t reg_id = 0;
    Text instance;
    const size_t mark = texts_.size();
    const char* p = params.data();
    const char* const end = p + params.size();
    while (p < end) {
      Param param;
      if (*p != ';' || (p = read_param(CharRuns(), p, end, param)) == nullptr || count == kMost) return false;
      for (size_t i = 0; i < count; ++i)
        if (same_text(names[i], param.name)) return false;
      names[count++] = param.name;
      if (same_text(param.name, "q")) return false;
      if (same_text(param.name, "pub-gruu") || same_text(param.name, "temp-gruu")) continue;
      if (same_text(param.name, "expires")) {
        out_.asked = read_seconds(param.value);
        continue;
      }
      if (same_text(param.name, "reg-id") && (!read_number(param.value, reg_id) || reg_id == 0 || param.value.size() > kMaxRegIdDigits)) return false;
      if (same_text(param.name, "+sip.instance") && !read_instance(param.value, instance)) return false;
      texts_.put(';');
      texts_.put(between(param.name.data(), param.whole.data() + param.whole.size()));
    }
    out_.params = texts_.since(mark);
    if (!instance.empty()) keep_instance(instance);
    if (reg_id > 0 && !instance.empty()) {
      out_.reg_id = static_cast<uint32_t>(reg_id);
      out_.flags |= kAsk_flow;
    }
    return true;
  }

  // The URN of `"<urn:NAMESPACE:...>"`. One with escapes is too complex to compare here.
  static bool read_instance(Text value, Text& urn) noexcept {
    constexpr size_t kQuotes = 2;
    constexpr size_t kMostNamespace = 32;
    if (value.size() < 2 * kQuotes || value.substr(0, kQuotes) != "\"<" || value.substr(value.size() - kQuotes) != ">\"") return false;
    urn = value.substr(kQuotes, value.size() - 2 * kQuotes);
    const auto stands_in_urn = [](char c) { return c > ' ' && c <= '~' && c != '<' && c != '>' && c != '"' && c != '\\' && c != '%'; };
    if (urn.size() > kMaxInstanceOctets || !same_text(urn.substr(0, kUrn.size()), kUrn) || !std::all_of(urn.begin(), urn.end(), stands_in_urn)) return false;
    const size_t size = urn.substr(kUrn.size()).find(':');
    if (size == 0 || size > kMostNamespace || kUrn.size() + size + 1 == urn.size() || urn[kUrn.size()] == '-') return false;
    return std::all_of(urn.data() + kUrn.size(), urn.data() + kUrn.size() + size, [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
  }

  // Stores scheme and namespace in lower case (RFC 8141 3.1), and a UUID too (RFC 9562 4).
  void keep_instance(Text urn) noexcept {
    const size_t mark = texts_.size();
    const size_t named = urn.find(':', kUrn.size()) + 1;
    const bool is_uuid = same_text(urn.substr(0, named), "urn:uuid:");
    texts_.put_lower(urn.substr(0, named));
    if (is_uuid) texts_.put_lower(urn.substr(named));
    else texts_.put(urn.substr(named));
    out_.instance = texts_.since(mark);
  }

  bool read_agent() noexcept {
    const Text agent = user_agent(message_);
    out_.agent = agent.substr(0, kMaxAgent);
    return !is_folded(agent);
  }

  const Message& message_;
  const Source& source_;
  const ServedDomains& domains_;
  RegisterRequest& out_;
  Writer texts_;
};

}  // namespace

bool read_register(const Message& message, const Source& source, const ServedDomains& domains, RegisterRequest& out) noexcept {
  return Reading(message, source, domains, out).run();
}

bool next_path_value(Text& path, Text& value) noexcept {
  size_t size = 0;
  size_t at = 0;
  for (; at < path.size() && is_digit(path[at]); ++at) size = size * 10 + static_cast<size_t>(path[at] - '0');
  if (at == 0 || at == path.size() || path[at] != ':' || size > path.size() - at - 1) return false;
  value = path.substr(at + 1, size);
  path.remove_prefix(at + 1 + size);
  return true;
}

}  // namespace sluice
