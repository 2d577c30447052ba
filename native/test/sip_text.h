// Messages for tests, in short form: a request is built from the parts that a test wants to be different.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "core/sip/scanner.h"

namespace sluice::test {

// Header lines by name; a part that starts with '-' omits the header.
struct Parts {
  std::string start = "OPTIONS sip:bob@example.net SIP/2.0";
  std::string via = "Via: SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKtest1;rport";
  std::string from = "From: Alice <sip:alice@example.net>;tag=a1";
  std::string to = "To: <sip:bob@example.net>";
  std::string call_id = "Call-ID: call-1@192.0.2.9";
  std::string cseq = "CSeq: 7 OPTIONS";
  std::string max_forwards = "Max-Forwards: 70";
  std::string extra = "-";
  std::string content_length = "Content-Length: 0";
  std::string body = "";

  std::string text() const {
    std::string out = start + "\r\n";
    for (const std::string* line : {&via, &from, &to, &call_id, &cseq, &max_forwards, &extra, &content_length})
      if (!line->empty() && (*line)[0] != '-') out += *line + "\r\n";
    return out + "\r\n" + body;
  }
};

inline ScanError scan_text(std::string_view text, Message& out, Carrier carrier = Carrier::datagram, const ScanLimits& limits = {}) {
  return scan(text.data(), text.size(), find_head_end(text.data(), text.size(), 0), carrier, limits, out);
}

// A text and the message found in it.
struct Scanned {
  std::string text;
  Message message;
  explicit Scanned(const Parts& parts, Carrier carrier = Carrier::datagram, const ScanLimits& limits = {}) : text(parts.text()) {
    scan_text(text, message, carrier, limits);
  }
  // A template, so that braces always mean Parts.
  template <std::same_as<std::string> Whole>
  explicit Scanned(Whole whole, Carrier carrier = Carrier::datagram, const ScanLimits& limits = {}) : text(std::move(whole)) {
    scan_text(text, message, carrier, limits);
  }
  Scanned(const Scanned&) = delete;
  ScanError error() const { return message.error; }
  Text slice(Slice s) const { return message.text(s); }
  Text value(HeaderId id) const { return message.line(id) ? message.value(*message.line(id)) : Text("(absent)"); }
};

}  // namespace sluice::test
