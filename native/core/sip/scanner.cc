#include "core/sip/scanner.h"

#include <algorithm>
#include <cstring>

#include "core/sip/header_name.h"
#include "core/sip/lexer.h"
#include "core/sip/line_index.h"
#include "core/sip/name_addr.h"
#include "core/sip/option_tags.h"
#include "core/sip/start_line.h"
#include "core/sip/via.h"

namespace sluice {

namespace {

// Room for what a reader fills in whole: nobody clears it before.
template <typename T>
union Unset {
  Unset() noexcept {}
  T filled;
};

constexpr uint64_t kMostContent = 9'999'999'999;  // a Content-Length has ten digits

// The digits from `p` on, behind which something else stands, as it does behind every value: a blank or a line end. Returns their end.
// Numbers of more than 18 digits become at least 10^17 if they are not smaller.
const char* read_number(const char* p, uint64_t& number) noexcept {
  const char* const begin = p;
  uint64_t sum = 0;
  for (uint8_t digit; (digit = static_cast<uint8_t>(*p - '0')) <= 9; ++p) sum = sum * 10 + digit;
  if (p - begin > 18) [[unlikely]] {
    sum = 0;
    for (const char* q = begin; q < p && sum < 100'000'000'000'000'000; ++q) sum = sum * 10 + static_cast<uint64_t>(*q - '0');
  }
  number = sum;
  return p;
}

class Scanner {
 public:
  Scanner(const ScanLimits& limits, Message& out) noexcept : limits_(limits), out_(out), map_(out.data) {}

  // False: a stream may still bring the end of the head.
  [[gnu::noinline]] bool run(size_t available, size_t head_size, Carrier carrier) noexcept {
    const bool finds = head_size == kFindHead;
    const size_t window = std::min<size_t>(finds || head_size == 0 ? available : head_size, std::min<size_t>(limits_.max_head, 65535));
    const LineIndex index = index_lines(out_.data, window, limits_.max_lines, out_.lines, map_);
    if (finds) head_size = index.head_end;
    if (finds && head_size == 0 && carrier == Carrier::stream) return false;
    if (finds && head_size == 0) head_size = find_head_end(out_.data, available, 0);
    reset(head_size);
    if (head_size > window) fail_framing(ScanError::head_too_large);
    if (index.fault != ScanError::none) fail_framing(index.fault);
    if (head_size == 0) fail_framing(available > window ? ScanError::head_too_large : ScanError::header_syntax);
    if (index.overflow) fail_framing(ScanError::too_many_headers);
    const StartLineResult start = scan_start_line(map_, Text(out_.data, index.start_line_end), limits_, out_);
    if (start.error != ScanError::none && !start.is_sip) fail_framing(start.error);
    if (start.error != ScanError::none) fail(start.error);
    if (index.fault != ScanError::none) out_.reason = Slice{};  // the only slice whose octets are not checked one by one
    if (index.escaped_control) check_controls(index);
    scan_fields(index.count, available);
    out_.line_count = index.count;
    check_required();
    measure(available, head_size, carrier);
    if (out_.error == ScanError::none) read_extras();
    return true;
  }

 private:
  void reset(size_t head_size) noexcept {
    Message& out = out_;
    out.size = static_cast<uint32_t>(head_size);
    out.head_size = static_cast<uint32_t>(head_size);
    out.error = ScanError::none;
    out.is_request = false;
    out.is_framed = true;
    out.has_tag_to = false;
    out.has_crlf_body = false;
    out.has_via = false;
    out.method = Method::unknown;
    out.line_count = 0;
    out.via_count = 0;
    out.route_count = 0;
    out.options = 0;
    out.supports_plainly = false;
    out.contact_flags = 0;
    out.status = 0;
    out.cseq = 0;
    out.contact_count = 0;
    out.contact.is_read = false;
    out.method_text = Slice{};
    out.request_uri = Slice{};
    out.reason = Slice{};
    out.top_via = Slice{};
    out.call_id = Slice{};
    out.from_value = Slice{};
    out.to_value = Slice{};
    out.from_tag = Slice{};
    out.to_tag = Slice{};
    out.cseq_value = Slice{};
    out.cseq_method = Slice{};
    out.max_forwards = -1;
    out.content_length = -1;
    std::memset(out.first, kNoLine, sizeof out.first);
  }

  [[gnu::cold, gnu::noinline]] void fail(ScanError error) noexcept {
    if (out_.error == ScanError::none) out_.error = error;
  }

  // The first framing fault outranks faults that a stream survives: it decides what the receiver must do.
  [[gnu::cold, gnu::noinline]] void fail_framing(ScanError error) noexcept {
    if (out_.is_framed) out_.error = error;
    out_.is_framed = false;
  }

  // The first pass does not recognise quoted strings, so what it let through after a backslash is checked here (RFC 4475 3.1.1.2).
  [[gnu::cold, gnu::noinline]] void check_controls(const LineIndex& index) noexcept {
    bool loose = has_loose_control(Text(out_.data, index.start_line_end));
    if (loose) out_.reason = Slice{};
    for (uint8_t i = 0; i < index.count && !loose; ++i) {
      const HeaderLine& line = out_.lines[i];
      loose = has_loose_control(between(out_.data + line.line_at, out_.data + line.line_end - 2));
    }
    if (loose) fail_framing(ScanError::control_octet);
  }

  // `reach`: how many octets there are.
  void scan_fields(uint8_t count, size_t reach) noexcept {
    const char* const data = out_.data;
    const ptrdiff_t last = static_cast<ptrdiff_t>(reach) - static_cast<ptrdiff_t>(kNameReach);
    HeaderLine* line = out_.lines;
    for (uint8_t number = 0; number < count; ++number, ++line) {
      const size_t at = line->line_at;
      const size_t size = map_.plain_size(at);
      const char* value = data + at + size;
      const char* end = data + line->line_end - 2;
      HeaderId id;
      // The line end follows, so that there are two octets.
      if (std::memcmp(value, ": ", 2) == 0 && size - 1 < kNameReach && static_cast<ptrdiff_t>(at) <= last) [[likely]] {
        id = header_id_in_head(data + at, size);
        value += 2;
      } else {
        value = scan_name(*line, value, end);
        if (value == nullptr) {
          fail_framing(ScanError::header_syntax);
          continue;
        }
        id = line->id;
      }
      if (static_cast<uint8_t>(*value) <= ' ') [[unlikely]] value = skip_blanks(value, end);
      if (static_cast<uint8_t>(end[-1]) <= ' ') [[unlikely]] end = trim_lws(value, end);
      line->value_at = static_cast<uint16_t>(value - data);
      line->value_len = static_cast<uint16_t>(end - value);
      line->id = id;
      line->next_same = kNoLine;
      if (id != HeaderId::other) scan_known(number, id, between(value, end));
    }
  }

  // A name that is not plain, short and followed by a colon and a blank; `p`: the end of what is plain. Returns the position after the
  // colon; nullptr: there is none, and the line has no value.
  [[gnu::noinline]] const char* scan_name(HeaderLine& line, const char* p, const char* end) noexcept {
    const char* const name = out_.data + line.line_at;
    if (p < end && *p != ':') p = map_.skip(p, end, kChar_token);
    const Text text = between(name, p);
    // No fold before the colon: HCOLON = *( SP / HTAB ) ":" SWS.
    while (p < end && is_blank(*p)) ++p;
    if (!text.empty() && p != end && *p == ':') {
      line.id = header_id(text);
      return p + 1;
    }
    line.id = HeaderId::other;
    line.next_same = kNoLine;
    line.value_at = line.line_at;
    line.value_len = 0;
    return nullptr;
  }

  void scan_known(uint8_t number, HeaderId id, Text value) noexcept {
    const size_t i = static_cast<size_t>(id);
    const bool again = out_.first[i] != kNoLine;
    if (again) {
      out_.lines[last_[i]].next_same = number;
    } else {
      out_.first[i] = number;
    }
    last_[i] = number;
    switch (id) {
      case HeaderId::via: return scan_vias(value);
      case HeaderId::route: return scan_routes(value);
      case HeaderId::from: return again ? fail(ScanError::duplicate_header) : scan_from(value);
      case HeaderId::to: return again ? fail(ScanError::duplicate_header) : scan_to(value);
      case HeaderId::call_id: return again ? fail(ScanError::duplicate_header) : scan_call_id(value);
      case HeaderId::cseq: return again ? fail(ScanError::duplicate_header) : scan_cseq(value);
      case HeaderId::max_forwards: return again ? fail(ScanError::duplicate_header) : scan_max_forwards(value);
      case HeaderId::content_length:
        return again ? fail_framing(ScanError::bad_content_length) : scan_content_length(value);
      default: return;
    }
  }

  void scan_vias(Text list) noexcept {
    for (;;) {
      Unset<Via> further;
      const bool first = out_.via_count == 0 && vias_sound_;
      Via& via = first ? out_.via : further.filled;
      if (!take_via(map_, list, via)) {
        // The well-formed beginning of the first value is enough to route the response back to the sender.
        if (first && !via.value.empty()) out_.top_via = out_.slice_of(via.value);
        vias_sound_ = false;
        return fail(ScanError::bad_via);
      }
      if (via.branch.size() > limits_.max_token) fail(ScanError::token_too_long);
      if (first) {
        out_.has_via = true;
        out_.top_via = out_.slice_of(via.value);
        if (same_text(via.branch, kMagicCookie)) fail(ScanError::bad_via);
      }
      if (out_.via_count == limits_.max_vias) return fail(ScanError::too_many_vias);
      const auto kept = [this](Text part) { return part.empty() ? Slice{} : out_.slice_of(part); };
      if (out_.via_count < kKeptVias) out_.vias[out_.via_count] = {kept(via.host), kept(via.branch), kept(via.received), via.port};
      if (out_.via_count < 255) ++out_.via_count;
      if (list.empty()) return;
      list.remove_prefix(1);
    }
  }

  void scan_routes(Text list) noexcept {
    for (;;) {
      Unset<NameAddr> route;
      Unset<RouteUri> further;
      RouteUri& uri = out_.route_count < kKeptRoutes ? out_.routes[out_.route_count] : further.filled;
      if (!take_address(map_, list, route.filled, uri.parts) || !route.filled.bracketed) return fail(ScanError::bad_route);
      uri.text = route.filled.uri_text;
      if (out_.route_count == limits_.max_routes) return fail(ScanError::too_many_routes);
      if (out_.route_count < 255) ++out_.route_count;
      if (list.empty()) return;
      list.remove_prefix(1);
    }
  }

  // False if there are two tags or the tag is not a token.
  bool is_tag_sound(const NameAddr& party) const noexcept { return party.tags == 0 || (party.tags == 1 && is_token(map_, party.tag)); }

  bool scan_party(Text value, Uri& uri, Slice& whole, Slice& tag_slice) noexcept {
    Unset<NameAddr> room;
    const NameAddr& party = room.filled;
    if (!take_address(map_, value, room.filled, uri) || !value.empty() || !is_tag_sound(party)) return false;
    whole = out_.slice_of(party.value);
    if (party.tags > 0) tag_slice = out_.slice_of(party.tag);
    if (party.tag.size() > limits_.max_token) fail(ScanError::token_too_long);
    return true;
  }

  void scan_from(Text value) noexcept {
    Unset<Uri> uri;
    if (!scan_party(value, uri.filled, out_.from_value, out_.from_tag)) fail(ScanError::bad_from);
  }

  void scan_to(Text value) noexcept {
    if (!scan_party(value, out_.to_uri, out_.to_value, out_.to_tag)) fail(ScanError::bad_to);
    out_.has_tag_to = !out_.to_tag.empty();
  }

  // callid = word [ "@" word ]
  void scan_call_id(Text value) noexcept {
    const char* begin = value.data();
    const char* end = begin + value.size();
    const char* p = map_.skip(begin, end, kChar_word);
    bool sound = p != begin;
    if (sound && p < end && *p == '@') {
      const char* second = p + 1;
      p = map_.skip(second, end, kChar_word);
      sound = p != second;
    }
    if (!sound || p != end) return fail(ScanError::bad_call_id);
    out_.call_id = out_.slice_of(value);
  }

  void scan_cseq(Text value) noexcept {
    const char* begin = value.data();
    const char* end = begin + value.size();
    uint64_t number;
    const char* p = read_number(begin, number);
    const char* method = skip_lws(p, end);
    const Text token = between(method, end);
    // The method of a request is known to be a token.
    const bool is_same = !out_.method_text.empty() && token == out_.text(out_.method_text);
    if (p == begin || method == p || (!is_same && !is_token(map_, token))) return fail(ScanError::bad_cseq);
    out_.cseq_value = out_.slice_of(value);
    if (number > INT32_MAX) return fail(ScanError::bad_cseq);
    if (token.size() > limits_.max_token) return fail(ScanError::token_too_long);
    out_.cseq = static_cast<uint32_t>(number);
    out_.cseq_method = out_.slice_of(token);
    if (!out_.is_request) {
      out_.method = method_of(token);
    } else if (!out_.method_text.empty() && !is_same) {
      fail(ScanError::cseq_method);
    }
  }

  void scan_max_forwards(Text value) noexcept {
    uint64_t number;
    if (read_number(value.data(), number) != value.data() + value.size() || value.empty()) return fail(ScanError::bad_max_forwards);
    if (number <= 255) out_.max_forwards = static_cast<int32_t>(number);
  }

  void scan_content_length(Text value) noexcept {
    uint64_t number;
    if (read_number(value.data(), number) != value.data() + value.size() || value.empty() || number > kMostContent) return fail_framing(ScanError::bad_content_length);
    out_.content_length = static_cast<int64_t>(number);
  }

  void check_required() noexcept {
    const auto require = [this](HeaderId id, ScanError error) {
      if (out_.first[static_cast<size_t>(id)] == kNoLine) fail(error);
    };
    require(HeaderId::via, ScanError::missing_via);
    require(HeaderId::from, ScanError::missing_from);
    require(HeaderId::to, ScanError::missing_to);
    require(HeaderId::call_id, ScanError::missing_call_id);
    require(HeaderId::cseq, ScanError::missing_cseq);
  }

  // What faults of its own cannot make the message faulty.
  void read_extras() noexcept {
    if (out_.is_request && out_.first[static_cast<size_t>(HeaderId::contact)] != kNoLine) read_contacts(map_, out_);
    if (out_.method == Method::register_) read_options(map_, out_);
  }

  // RFC 3261 18.3: Content-Length frames a message on a stream; elsewhere the packet does, and the header may only shorten it.
  void measure(size_t available, size_t head_size, Carrier carrier) noexcept {
    if (carrier == Carrier::stream) {
      if (out_.content_length < 0 && out_.is_framed) fail_framing(ScanError::no_content_length);
      if (out_.content_length > limits_.max_body) fail_framing(ScanError::body_too_large);
      if (out_.is_framed) out_.size = static_cast<uint32_t>(head_size + static_cast<size_t>(out_.content_length));
      return;
    }
    const size_t there = available - head_size;
    size_t body = there;
    if (out_.is_framed && out_.content_length >= 0) {
      body = static_cast<size_t>(std::min<int64_t>(out_.content_length, static_cast<int64_t>(there)));
      if (out_.content_length > limits_.max_body) fail_framing(ScanError::body_too_large);
      if (out_.content_length > static_cast<int64_t>(there)) fail(ScanError::body_short);
    } else if (body > limits_.max_body) {
      fail_framing(ScanError::body_too_large);
    }
    out_.has_crlf_body = body < there;
    out_.size = static_cast<uint32_t>(head_size + body);
    if (head_size == 0) out_.head_size = out_.size;
  }

  const ScanLimits& limits_;
  Message& out_;
  HeadMap map_;
  bool vias_sound_ = true;
  uint8_t last_[kHeaderIds];  // the last line of each id that has a first one
};

}  // namespace

ScanError scan(const char* data, size_t available, size_t head_size, Carrier carrier, const ScanLimits& limits, Message& out) noexcept {
  out.data = data;
  Scanner(limits, out).run(available, head_size, carrier);
  return out.error;
}

bool scan_arrived(const char* data, size_t available, const ScanLimits& limits, Message& out) noexcept {
  out.data = data;
  return Scanner(limits, out).run(available, kFindHead, Carrier::stream);
}

Method method_of(Text token) noexcept {
#define SLUICE_METHOD(name, text) \
  if (token == Text(text)) return Method::name;
#include "core/base/layout.def"
  return Method::unknown;
}

bool has_option(const Message& message, HeaderId id, Text tag) noexcept {
  for (const HeaderLine* line = message.line(id); line != nullptr; line = message.next(*line)) {
    ValueList values(message.value(*line));
    for (Text value; values.next(value);)
      if (same_text(value, tag)) return true;
  }
  return false;
}

}  // namespace sluice
