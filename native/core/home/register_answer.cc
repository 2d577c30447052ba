#include "core/home/register_answer.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "core/home/binding_key.h"
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

// The first value of the first Via, completed with the sender's actual address (RFC 3261 18.2.1, RFC 3581 4).
bool put_stamped(const Message& message, const Source& source, uint32_t keep_seconds, Writer& out) noexcept {
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

bool put_vias(const Message& message, const Source& source, uint32_t keep_seconds, Writer& out) noexcept {
  const HeaderLine* line = message.line(HeaderId::via);
  if (line == nullptr || !message.has_via) return false;
  out.put("Via: ");
  if (!put_stamped(message, source, keep_seconds, out)) return false;
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

}  // namespace

void ContactLines::begin(Text aor, Text key, uint64_t now, GruuWriter* gruus) noexcept {
  out_ = Writer(room_.get(), kRoom);
  lines_.clear();
  aor_ = aor;
  key_ = key;
  now_ = now;
  gruus_ = gruus;
  is_whole_ = true;
}

void ContactLines::take(const Binding& binding) noexcept {
  const size_t mark = out_.size();
  out_.put("Contact: <");
  out_.put(binding[Part::uri]);
  out_.put('>');
  out_.put(binding[Part::params]);
  out_.put(";expires=");
  const uint64_t left = binding.expires > now_ ? binding.expires - now_ : 0;
  out_.put_number(std::max<uint64_t>((left + 999) / 1'000, 1));
  if (gruus_ != nullptr && !binding[Part::instance].empty() && !gruus_->put(aor_, binding, out_)) is_whole_ = false;
  out_.put("\r\n");
  lines_.push_back({out_.since(mark), same_binding(key_, binding[Part::key])});
}

void ContactLines::put(size_t most, Writer& out) const noexcept {
  if (out_.size() <= most) return out.put(out_.text());
  for (const bool wanted : {true, false})
    for (const Line& line : lines_) {
      if (line.is_first != wanted) continue;
      // Stops at the first that does not fit, so that the order is kept.
      if (line.text.size() > most) return;
      most -= line.text.size();
      out.put(line.text);
    }
}

bool write_register_head(const Message& request, const Source& source, int status, Text reason, Text tag, uint32_t keep_seconds, Writer& out) noexcept {
  out.put("SIP/2.0 ");
  out.put_number(static_cast<uint64_t>(status));
  out.put(' ');
  out.put(reason);
  out.put("\r\n");
  if (!put_vias(request, source, keep_seconds, out)) return false;
  for (uint8_t i = 0; i < request.line_count; ++i) {
    const HeaderLine& line = request.lines[i];
    if (line.id != HeaderId::from && line.id != HeaderId::to && line.id != HeaderId::call_id && line.id != HeaderId::cseq) continue;
    out.put(raw(request, line));
    if (line.id == HeaderId::to && !request.has_tag_to) {
      out.put(";tag=");
      out.put(tag);
    }
    out.put("\r\n");
  }
  return !out.full();
}

Text DateLine::at(uint64_t unix_seconds) noexcept {
  if (unix_seconds == seconds_) return Text(text_, size_);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<time_t>(unix_seconds);
  tm parts{};
  gmtime_r(&time, &parts);
  const int size = std::snprintf(text_, sizeof text_, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", kDays[parts.tm_wday % 7], parts.tm_mday, kMonths[parts.tm_mon % 12],
                                 parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  size_ = std::min(static_cast<size_t>(std::max(size, 0)), sizeof text_ - 1);
  seconds_ = unix_seconds;
  return Text(text_, size_);
}

}  // namespace sluice
