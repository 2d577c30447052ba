#include "core/relay/answer.h"

#include "core/sip/name_addr.h"

namespace sluice {
namespace {

void put_line(Text name, Text value, Writer& out) noexcept {
  if (value.empty()) return;
  out.put(name);
  out.put(value);
  out.put("\r\n");
}

// The Via lines below the top value, only if all of them are well formed.
void put_lower_vias(const Message& request, Writer& out) noexcept {
  if (request.error == ScanError::bad_via || request.error == ScanError::too_many_vias) return;
  bool top = true;
  for (const HeaderLine* line = request.line(HeaderId::via); line != nullptr; line = request.next(*line)) {
    ValueList values(request.value(*line));
    for (Text value; values.next(value); top = false)
      if (!top) put_line("Via: ", value, out);
  }
}

bool needs_received(const Via& via, const Source& source) noexcept {
  Address named;
  return via.has_rport || !parse_ip(via.host, named) || !named.same_ip(source.remote);
}

}  // namespace

Text reason_of(int status) noexcept {
  switch (status) {
    case 100: return "Trying";
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 413: return "Request Entity Too Large";
    case 414: return "Request-URI Too Long";
    case 416: return "Unsupported URI Scheme";
    case 420: return "Bad Extension";
    case 430: return "Flow Failed";
    case 439: return "First Hop Lacks Outbound Support";
    case 480: return "Temporarily Unavailable";
    case 481: return "Call/Transaction Does Not Exist";
    case 482: return "Loop Detected";
    case 483: return "Too Many Hops";
    case 487: return "Request Terminated";
    case 500: return "Server Internal Error";
    case 503: return "Service Unavailable";
    case 505: return "Version Not Supported";
    case 513: return "Message Too Large";
    default: return status < 200 ? "Progress" : status < 300 ? "OK" : status < 400 ? "Redirected" : status < 500 ? "Request Failed"
                     : status < 600 ? "Server Failure" : "Global Failure";
  }
}

void stamp_top_via(const Message& message, const Via& via, const Source& source, uint32_t keep_seconds, Writer& text,
                   EditList& edits) noexcept {
  const auto place = [&](Text part) { return static_cast<size_t>(part.data() - message.data); };
  if (!via.received_param.empty()) edits.cut(place(via.received_param), place(via.received_param) + via.received_param.size());
  if (!via.rport_param.empty()) edits.cut(place(via.rport_param), place(via.rport_param) + via.rport_param.size());
  const size_t mark = text.size();
  if (via.has_rport) {
    text.put(";rport=");
    text.put_number(source.remote.port);
  }
  if (needs_received(via, source)) {
    text.put(";received=");
    if (char* const ip = text.room(kMaxIpText)) text.wrote(format_ip(source.remote, ip));
  }
  if (keep_seconds > 0 && via.has_keep) {
    edits.cut(place(via.keep_param), place(via.keep_param) + via.keep_param.size());
    text.put(";keep=");
    text.put_number(keep_seconds);
  }
  if (text.size() > mark) edits.insert(message.top_via.end(), text.since(mark));
}

bool write_answer(const Message& request, const Answer& answer, Writer& out) noexcept {
  if (request.top_via.empty()) return false;
  out.put("SIP/2.0 ");
  out.put_number(static_cast<uint64_t>(answer.status));
  out.put(' ');
  out.put(answer.reason.empty() ? reason_of(answer.status) : answer.reason);
  out.put("\r\n");
  if (answer.source != nullptr) {
    Via via;
    if (!parse_via(request.text(request.top_via), via)) return false;
    char stamp[128];
    Writer text(stamp, sizeof stamp);
    EditList edits;
    stamp_top_via(request, via, *answer.source, 0, text, edits);
    out.put("Via: ");
    if (!edits.apply_range(request.data, request.top_via.at, request.top_via.end(), out)) return false;
    out.put("\r\n");
  }
  put_lower_vias(request, out);
  put_line("From: ", request.text(request.from_value), out);
  if (!request.to_value.empty()) {
    out.put("To: ");
    out.put(request.text(request.to_value));
    if (!request.has_tag_to && !answer.to_tag.empty() && answer.status > 100) {
      out.put(";tag=");
      out.put(answer.to_tag);
    }
    out.put("\r\n");
  }
  put_line("Call-ID: ", request.text(request.call_id), out);
  if (!request.cseq_method.empty()) {
    out.put("CSeq: ");
    out.put_number(request.cseq);
    out.put(' ');
    out.put(request.text(request.cseq_method));
    out.put("\r\n");
  }
  out.put(answer.extra_headers);
  out.put("Content-Length: 0\r\n\r\n");
  return !out.full();
}

}  // namespace sluice
