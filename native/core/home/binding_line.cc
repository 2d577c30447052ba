#include "core/home/binding_line.h"

#include <charconv>

namespace sluice {

namespace {

constexpr size_t kMostShown = 200;  // characters of a text

struct KindOfBinding {
  Text kind, why;
};
constexpr KindOfBinding kKindsOfBinding[kBindingEvents] = {
    {"registered", ""}, {"moved", ""}, {"expired", ""}, {"removed", "the client unregistered"}, {"removed", "its flow is gone"}, {"removed", "the operator removed it"},
};

void append_number(uint64_t number, int base, std::string& out) {
  char digits[24];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, number, base);
  out.append(digits, end.ptr);
}

constexpr bool needs_no_escape(char octet) noexcept { return octet >= 0x20 && octet < 0x7f && octet != '\\' && octet != '"'; }

// Printable ASCII stays, the rest is escaped as in src/base/printable.ts, and that in turn for JSON.
void append_shown(Text octets, std::string& out) {
  size_t shown = 0;
  for (size_t at = 0; at < octets.size();) {
    const size_t run = at;
    while (at < octets.size() && needs_no_escape(octets[at]) && shown < kMostShown) ++at, ++shown;
    out.append(octets, run, at - run);
    if (at == octets.size()) return;
    const auto octet = static_cast<uint8_t>(octets[at++]);
    const size_t width = octet == '"' ? 1 : octet == '\r' || octet == '\n' || octet == '\\' ? 2 : octet < 0x20 || octet >= 0x7f ? 4 : 1;
    if (shown + width > kMostShown) {
      out.append("\xe2\x80\xa6");  // an ellipsis
      return;
    }
    shown += width;
    constexpr char kHex[] = "0123456789abcdef";
    if (octet == '"') out.append("\\\"");
    else if (octet == '\r') out.append("\\\\r");
    else if (octet == '\n') out.append("\\\\n");
    else if (octet == '\\') out.append("\\\\\\\\");
    else out.append("\\\\x").append({kHex[octet >> 4], kHex[octet & 15]});
  }
}

void append_text(Text name, Text octets, std::string& out) {
  if (octets.empty()) return;
  out.append(",\"").append(name).append("\":\"");
  append_shown(octets, out);
  out.push_back('"');
}

}  // namespace

void write_binding_line(const BindingNews& news, Text run, uint64_t number, uint64_t at, std::string& out) {
  const KindOfBinding& is = kKindsOfBinding[static_cast<size_t>(news.event)];
  out.append("{\"id\":\"").append(run).push_back('-');
  append_number(number, 36, out);
  out.append("\",\"kind\":\"").append(is.kind).append("\",\"at\":");
  append_number(at, 10, out);
  append_text("aor", news.aor, out);
  append_text("instance", news.instance, out);
  if (news.reg_id != 0) {
    out.append(",\"regId\":");
    append_number(news.reg_id, 10, out);
  }
  append_text("contact", news.contact, out);
  append_text("userAgent", news.agent, out);
  append_text("callId", news.call_id, out);
  append_text("why", is.why, out);
  out.append("}\n");
}

}  // namespace sluice
