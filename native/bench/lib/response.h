// Responses of the load program: the headers that RFC 3261 8.2.6 copies, and padding.
#pragma once

#include "message.h"

namespace sluice::bench {

struct Answer {
  Text status = "200 OK";
  // Complete header lines.
  Text further = {};
  // Gets its own Content-Type line unless it is empty.
  Text body = {};
};

// Padded to the request's size, so that both directions carry the same load. Returns the size.
inline size_t write_response(const Message& m, char* out, size_t room, const Answer& answer = {}) noexcept {
  char* at = out;
  char* end = out + room;
  auto put = [&](Text text) {
    if (text.empty() || text.size() > static_cast<size_t>(end - at)) return;
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  };
  auto put_lines = [&](const Lines& lines) {
    for (size_t i = 0; i < lines.count; ++i) put(lines.line[i]);
  };
  put("SIP/2.0 ");
  put(answer.status);
  put("\r\n");
  put_lines(m.via);
  put_lines(m.record_route);
  put(m.from);
  if (m.to.find(";tag=") == Text::npos && m.to.size() > 2) {
    put(m.to.substr(0, m.to.size() - 2));
    put(";tag=7c3f01de\r\n");
  } else {
    put(m.to);
  }
  put(m.call_id);
  put(m.cseq);
  if (m.method == "REGISTER") {
    put_lines(m.path);
    put(m.contact);
    put("Require: outbound\r\nSupported: path, outbound\r\nExpires: 3600\r\n");
  }
  put(answer.further);
  if (!answer.body.empty()) put("Content-Type: application/sdp\r\n");
  char tail[40];
  const Text last(tail, static_cast<size_t>(std::snprintf(tail, sizeof tail, "\r\nContent-Length: %zu\r\n\r\n", answer.body.size())));
  put("Server: x");
  const size_t size = static_cast<size_t>(at - out) + last.size() + answer.body.size();
  if (size < m.size && m.size <= room) {
    std::memset(at, 'x', m.size - size);
    at += m.size - size;
  }
  put(last);
  put(answer.body);
  return static_cast<size_t>(at - out);
}

}  // namespace sluice::bench
