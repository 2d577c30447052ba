#include "core/home/proxied_copy.h"

#include <algorithm>

#include "core/home/register_request.h"
#include "core/home/response_head.h"
#include "core/relay/own_credentials.h"
#include "core/sip/header_name.h"
#include "core/sip/route_set.h"

namespace sluice {
namespace {

constexpr size_t kMostOwnLines = 12'288;
constexpr int32_t kHopsLeft = 70;

// RFC 3261 16.6 step 3.
int32_t hops_left(const Message& request) noexcept {
  return request.max_forwards < 0 ? kHopsLeft : std::min(request.max_forwards - 1, kHopsLeft);
}

Text without_blanks(Text text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The last octet of the header field that begins there, with its folded lines.
size_t field_end(Text copy, size_t at) noexcept {
  size_t end = copy.find('\n', at);
  while (end != Text::npos && end + 1 < copy.size() && (copy[end + 1] == ' ' || copy[end + 1] == '\t')) end = copy.find('\n', end + 1);
  return end;
}

void put_field(Text name, Text value, Writer& out) noexcept {
  out.put(name);
  out.put(": ");
  out.put(value);
  out.put("\r\n");
}

void put_number_field(Text name, uint64_t value, Writer& out) noexcept {
  out.put(name);
  out.put(": ");
  out.put_number(value);
  out.put("\r\n");
}

}  // namespace

bool write_forwarded(const Message& request, const Forwarding& forwarding, Writer& out) noexcept {
  char room[kMostOwnLines];
  Writer text(room, sizeof room);
  EditList edits;
  edits.replace(request.request_uri.at, request.request_uri.end(), forwarding.uri);
  text.put(forwarding.own_lines);
  Text path = forwarding.path;
  for (Text value; next_path_value(path, value);) put_field("Route", value, text);
  put_number_field("Max-Forwards", static_cast<uint64_t>(hops_left(request)), text);
  put_number_field("Max-Breadth", forwarding.max_breadth, text);
  edits.insert(request.lines[0].line_at, text.text());
  const size_t mark = text.size();
  if (!write_stamped_via(request, *forwarding.source, 0, text)) return false;
  edits.replace(request.top_via.at, request.top_via.end(), text.since(mark));
  for (const HeaderId id : {HeaderId::route, HeaderId::max_forwards, HeaderId::max_breadth}) cut_lines(request, id, edits);
  // Only a trusted neighbour may set these (RFC 3325 5, RFC 3608 6.4, RFC 5626 12).
  if (!forwarding.source->from_core)
    for (const HeaderId id : {HeaderId::service_route, HeaderId::p_asserted_identity, HeaderId::flow_timer}) cut_lines(request, id, edits);
  if (!forwarding.realms->empty()) cut_own_credentials(request, *forwarding.realms, edits);
  if (request.content_length < 0) edits.insert(request.head_size - 2, "Content-Length: 0\r\n");
  return !text.full() && edits.apply(request.data, request.head_size, out);
}

bool read_copy(Text copy, CopyParts& out) noexcept {
  out = CopyParts();
  const size_t uri = copy.find(' ') + 1, uri_end = copy.find(' ', uri);
  size_t at = copy.find('\n') + 1;
  if (uri == 0 || at == 0 || uri_end == Text::npos || uri_end > at) return false;
  out.uri = copy.substr(uri, uri_end - uri);
  for (size_t end; (end = field_end(copy, at)) != Text::npos; at = end + 1) {
    const Text line = copy.substr(at, end + 1 - at);
    const size_t colon = line.find(':');
    if (colon == Text::npos) break;
    const auto take = [&](Text& value) {
      if (value.empty()) value = without_blanks(line.substr(colon + 1));
    };
    switch (header_id(without_blanks(line.substr(0, colon)))) {
      case HeaderId::via: take(out.via); break;
      case HeaderId::route: out.routes = Text(out.routes.empty() ? line.data() : out.routes.data(), out.routes.size() + line.size()); break;
      case HeaderId::from: take(out.from); break;
      case HeaderId::to: take(out.to); break;
      case HeaderId::call_id: take(out.call_id); break;
      case HeaderId::cseq: take(out.cseq); break;
      default: break;
    }
    // Our own lines come first.
    if (!out.from.empty() && !out.to.empty() && !out.call_id.empty() && !out.cseq.empty()) break;
  }
  size_t digits = 0;
  while (digits < out.cseq.size() && is_digit(out.cseq[digits])) ++digits;
  out.cseq = out.cseq.substr(0, digits);
  return !out.via.empty() && !out.from.empty() && !out.to.empty() && !out.call_id.empty() && !out.cseq.empty();
}

bool write_hop_by_hop(Text method, const CopyParts& sent, Text to, Text lines, Writer& out) noexcept {
  out.put(method);
  out.put(' ');
  out.put(sent.uri);
  out.put(" SIP/2.0\r\n");
  put_field("Via", sent.via, out);
  out.put(sent.routes);
  put_number_field("Max-Forwards", kHopsLeft, out);
  put_field("From", sent.from, out);
  put_field("To", to, out);
  put_field("Call-ID", sent.call_id, out);
  out.put("CSeq: ");
  out.put(sent.cseq);
  out.put(' ');
  out.put(method);
  out.put("\r\n");
  out.put(lines);
  out.put("Content-Length: 0\r\n\r\n");
  return !out.full();
}

bool write_passed_on(const Message& response, Writer& out) noexcept {
  if (response.via_count < 2) return false;
  EditList edits;
  cut_top_via(response, edits);
  char room[48];
  Writer length(room, sizeof room);
  if (response.content_length < 0) {
    put_number_field("Content-Length", response.body().size(), length);
    edits.insert(response.head_size - 2, length.text());
  }
  return edits.apply(response.data, response.head_size, out);
}

}  // namespace sluice
