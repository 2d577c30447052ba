#include "core/home/register_answer.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "core/home/binding_key.h"
#include "core/home/register_request.h"

namespace sluice {

void ContactLines::begin(Text aor, Text key, uint64_t now, GruuWriter* gruus) noexcept {
  out_ = Writer(room_.get(), kRoom);
  lines_.clear();
  aor_ = aor;
  key_ = key;
  call_id_ = Text();
  watched_path_.clear();
  now_ = now;
  gruus_ = gruus;
  is_whole_ = true;
}

void ContactLines::take(const Binding& binding) noexcept {
  if (!call_id_.empty() && binding.cseq == cseq_ && binding[Part::call_id] == call_id_) watched_path_ = binding[Part::path];
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

void put_extras(const RegisterExtras& extras, Writer& out) noexcept {
  Text path = extras.path;
  for (Text value; next_path_value(path, value);) {
    out.put("Path: ");
    out.put(value);
    out.put("\r\n");
  }
  if (extras.requires_outbound) out.put("Require: outbound\r\n");
  if (extras.flow_timer > 0) {
    out.put("Flow-Timer: ");
    out.put_number(extras.flow_timer);
    out.put("\r\n");
  }
  out.put("Supported: ");
  out.put(extras.supported);
  out.put("\r\n");
}

void put_retry_after(uint64_t random, Writer& out) noexcept {
  constexpr uint64_t kLeast = 5, kSpan = 10;  // seconds
  out.put("Retry-After: ");
  out.put_number(kLeast + random % kSpan);
  out.put("\r\n");
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
