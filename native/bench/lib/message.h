// Just enough SIP for a load program: one pass over the lines of a message.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "marker.h"

namespace sluice::bench {

using Text = std::string_view;

// A header line keeps its line end, so that it can be copied whole into a response.
struct Lines {
  static constexpr size_t kMax = 8;
  Text line[kMax];
  size_t count = 0;

  void add(Text text) noexcept {
    if (count < kMax) line[count++] = text;
  }
};

struct Message {
  bool response = false;
  int status = 0;
  Text method;
  Lines via, path, record_route;
  Text from, to, call_id, cseq, contact;
  Text body;
  size_t routes = 0;
  uint32_t retry_after = 0;  // seconds
  size_t size = 0;  // including the body
  uint32_t flow = kNoNumber;
  uint32_t seq = kNoNumber;
};

enum class Read { kWhole, kPartial, kBad };

inline Text value_of(Text line) noexcept {
  size_t colon = line.find(':');
  Text value = line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
  return value;
}

inline bool begins(Text line, Text name) noexcept {
  return line.size() > name.size() && strncasecmp(line.data(), name.data(), name.size()) == 0;
}

namespace detail {

inline void keep_line(Message& m, Text line, size_t& content_length) noexcept {
  switch (line[0] | 0x20) {
    case 'v':
      if (begins(line, "Via:")) m.via.add(line);
      return;
    case 'f':
      if (begins(line, "From:")) m.from = line;
      return;
    case 't':
      if (begins(line, "To:")) m.to = line;
      return;
    case 'p':
      if (begins(line, "Path:")) m.path.add(line);
      return;
    case 'r':
      if (begins(line, "Record-Route:")) m.record_route.add(line);
      if (begins(line, "Route:")) ++m.routes;
      if (begins(line, "Retry-After:")) m.retry_after = static_cast<uint32_t>(std::atoi(value_of(line).data()));
      return;
    case 'c':
      if (begins(line, "Call-ID:")) {
        m.call_id = line;
        Text id = value_of(line);
        if (id.size() > 2 * kDigits) m.flow = read_hex(id.data()), m.seq = read_hex(id.data() + kDigits + 1);
      } else if (begins(line, "CSeq:")) {
        m.cseq = line;
      } else if (begins(line, "Contact:")) {
        m.contact = line;
      } else if (begins(line, "Content-Length:")) {
        for (char c : value_of(line)) {
          if (c >= '0' && c <= '9') content_length = content_length * 10 + static_cast<size_t>(c - '0');
        }
      }
      return;
    default:
      return;
  }
}

}  // namespace detail

inline Read read_message(Text in, Message& m) noexcept {
  m = Message();
  const char* at = in.data();
  const char* end = at + in.size();
  size_t content_length = 0;
  bool start_line = true;
  while (at < end) {
    const char* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    if (newline == nullptr) return Read::kPartial;
    Text line(at, static_cast<size_t>(newline + 1 - at));
    at = newline + 1;
    if (start_line) {
      start_line = false;
      m.response = line.starts_with("SIP/2.0 ");
      if (m.response) {
        if (line.size() < 12) return Read::kBad;
        m.status = (line[8] - '0') * 100 + (line[9] - '0') * 10 + (line[10] - '0');
      } else {
        m.method = line.substr(0, line.find(' '));
      }
    } else if (line == "\r\n") {
      if (content_length > 65535) return Read::kBad;
      m.size = static_cast<size_t>(at - in.data()) + content_length;
      if (m.size > in.size()) return Read::kPartial;
      m.body = Text(at, content_length);
      return Read::kWhole;
    } else {
      detail::keep_line(m, line, content_length);
    }
  }
  return Read::kPartial;
}

// The method of the request that a response answers.
inline Text cseq_method(const Message& m) noexcept {
  Text value = value_of(m.cseq);
  return value.substr(value.find(' ') + 1);
}

// The numbers in the top Via's branch must match those in the Call-ID: otherwise the edge has mixed up two messages.
inline bool branch_agrees(const Message& m) noexcept {
  if (m.via.count != 1) return false;
  Text via = m.via.line[0];
  constexpr Text kName = "branch=z9hG4bK";
  size_t at = via.find(kName);
  if (at == Text::npos || at + kName.size() + 2 * kDigits > via.size()) return false;
  const char* digits = via.data() + at + kName.size();
  return read_hex(digits) == m.flow && read_hex(digits + kDigits) == m.seq;
}

}  // namespace sluice::bench
