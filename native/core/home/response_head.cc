#include "core/home/response_head.h"

#include "core/sip/char_class.h"
#include "core/sip/name_addr.h"

namespace sluice {
namespace {

// The whole field as received, without the final CRLF.
Text raw(const Message& message, const HeaderLine& line) noexcept {
  return Text(message.data + line.line_at, static_cast<size_t>(line.line_end - line.line_at) - 2);
}

bool names(Text host, Text address) noexcept {
  if (!host.empty() && host.front() == '[') host.remove_prefix(1);
  if (!host.empty() && host.back() == ']') host.remove_suffix(1);
  return same_text(host, address);
}

bool put_vias(const Message& message, const Source& source, uint32_t keep_seconds, Writer& out) noexcept {
  const HeaderLine* line = message.line(HeaderId::via);
  if (line == nullptr || !message.has_via) return false;
  out.put("Via: ");
  if (!write_stamped_via(message, source, keep_seconds, out)) return false;
  ValueList values(message.value(*line));
  Text value;
  values.next(value);
  while (values.next(value)) {
    out.put(", ");
    out.put(value);
  }
  out.put("\r\n");
  while ((line = message.next(*line)) != nullptr) {
    out.put(raw(message, *line));
    out.put("\r\n");
  }
  return true;
}

bool is_timestamp(const Message& message, const HeaderLine& line) noexcept {
  constexpr Text kName = "Timestamp";
  if (line.id != HeaderId::other || line.value_at <= line.line_at + kName.size()) return false;
  const char* const name = message.data + line.line_at;
  return same_text(Text(name, kName.size()), kName) && !is_class(name[kName.size()], kChar_token);
}

}  // namespace

bool write_stamped_via(const Message& message, const Source& source, uint32_t keep_seconds, Writer& out) noexcept {
  const Via& via = message.via;
  const auto place = [&](Text part) { return static_cast<size_t>(part.data() - message.data); };
  EditList edits;
  for (const Text part : {via.rport_param, via.received_param})
    if (!part.empty()) edits.cut(place(part), place(part) + part.size());
  char keep[24];
  Writer answer(keep, sizeof keep);
  if (keep_seconds > 0 && via.has_keep && !via.keep_has_value) {
    answer.put(";keep=");
    answer.put_number(keep_seconds);
    edits.replace(place(via.keep_param), place(via.keep_param) + via.keep_param.size(), answer.text());
  }
  if (!edits.apply_range(message.data, message.top_via.at, message.top_via.end(), out)) return false;
  char ip[kMaxIpText];
  const Text address(ip, format_ip(source.remote, ip));
  if (via.has_rport) {
    out.put(";rport=");
    out.put_number(source.remote.port);
  }
  if (via.has_rport || !names(via.host, address)) {
    out.put(";received=");
    out.put(address);
  }
  return true;
}

bool write_response_head(const Message& request, const Source& source, int status, Text reason, Text tag, uint32_t keep_seconds, Writer& out) noexcept {
  out.put("SIP/2.0 ");
  out.put_number(static_cast<uint64_t>(status));
  out.put(' ');
  out.put(reason);
  out.put("\r\n");
  if (!put_vias(request, source, keep_seconds, out)) return false;
  for (uint8_t i = 0; i < request.line_count; ++i) {
    const HeaderLine& line = request.lines[i];
    if (line.id != HeaderId::from && line.id != HeaderId::to && line.id != HeaderId::call_id && line.id != HeaderId::cseq && (status != 100 || !is_timestamp(request, line)))
      continue;
    out.put(raw(request, line));
    if (line.id == HeaderId::to && !request.has_tag_to && status > 100) {
      out.put(";tag=");
      out.put(tag);
    }
    out.put("\r\n");
  }
  return !out.full();
}

}  // namespace sluice
