// The requests that the load program sends: REGISTER and MESSAGE of a client, MESSAGE of the core along a token.
#pragma once

#include <string>

#include "template_text.h"

namespace sluice::bench {

struct Requests {
  TemplateText client_register;
  TemplateText client_message;
  // The core's Route goes between the two.
  TemplateText core_message_head;
  TemplateText core_message_tail;
};

namespace detail {

inline std::string via(const char* transport, const std::string& sent_by) {
  return std::string("Via: SIP/2.0/") + transport + " " + sent_by + ";branch=z9hG4bK" + kFlowMark + kSeqMark + ";rport\r\n";
}

inline std::string call_id() { return std::string("Call-ID: ") + kFlowMark + "-" + kSeqMark + "@load.example\r\n"; }

inline std::string common(const std::string& from, const std::string& to, const std::string& method) {
  return "Max-Forwards: 70\r\nFrom: " + from + ";tag=" + kSeqMark + "\r\nTo: " + to + "\r\n" + call_id() + "CSeq: 1 " + method + "\r\n";
}

// User-Agent lengthens the message to the wanted size: no edge reads it, as none reads those of real telephones.
inline std::string padded(const std::string& head, const std::string& tail, size_t size) {
  const std::string name = "User-Agent: ";
  size_t taken = head.size() + name.size() + 2 + tail.size();
  return head + name + std::string(size > taken ? size - taken : 1, 'x') + "\r\n" + tail;
}

inline std::string with_text(const std::string& text) {
  return "Content-Type: text/plain\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}

}  // namespace detail

// `size` is that of each message before any edge has touched it, and before the Route of the core's.
inline Requests make_requests(bool client_tcp, bool core_tcp, const std::string& core_sent_by, size_t size) {
  using namespace detail;
  const char* client_via = client_tcp ? "TCP" : "UDP";
  const std::string user = std::string("u") + kFlowMark;
  const std::string uri = "<sip:" + user + "@load.example>";
  const std::string client_uri = "sip:" + user + "@" + std::string(kClientSentBy) + ";transport=" + (client_tcp ? "tcp" : "udp") + ";ob";
  const std::string text(120, 't');

  Requests requests;
  std::string start = "REGISTER sip:load.example SIP/2.0\r\n" + via(client_via, std::string(kClientSentBy));
  std::string head = start + common(uri, uri, "REGISTER") + "Supported: outbound, path, gruu\r\n";
  head += "Contact: <" + client_uri + ">;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0000" + kFlowMark + ">\"\r\n";
  head += "Expires: 3600\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\n";
  requests.client_register = TemplateText(padded(head, "Content-Length: 0\r\n\r\n", size));

  start = "MESSAGE sip:callee@load.example SIP/2.0\r\n" + via(client_via, std::string(kClientSentBy));
  head = start + common(uri, "<sip:callee@load.example>", "MESSAGE") + "Supported: outbound, path, gruu\r\n";
  requests.client_message = TemplateText(padded(head, with_text(text), size));

  start = "MESSAGE " + client_uri + " SIP/2.0\r\n" + via(core_tcp ? "TCP" : "UDP", core_sent_by);
  requests.core_message_head = TemplateText(start);
  head = common("<sip:caller@load.example>", uri, "MESSAGE");
  requests.core_message_tail = TemplateText(padded(head, with_text(text), size - start.size()));
  return requests;
}

}  // namespace sluice::bench
