// The requests of the load program: those of a client, those of the core along a token, and those within a call.
#pragma once

#include <string>
#include <vector>

#include "template_text.h"

namespace sluice::bench {

// A request whose Route lines go between the two parts.
struct RoutedText {
  TemplateText head;
  TemplateText tail;

  char* write(char* out, const std::string& route, uint32_t flow, uint32_t seq) const noexcept {
    out = head.write(out, flow, seq);
    std::memcpy(out, route.data(), route.size());
    return tail.write(out + route.size(), flow, seq);
  }
};

struct Requests {
  TemplateText client_register;
  TemplateText client_message;
  RoutedText core_message;
  RoutedText core_invite;
  RoutedText core_ack;
  RoutedText core_bye;
  RoutedText client_bye;
  // The same both ways; its octets identify the call.
  TemplateText sdp;
  // The Contact lines of the two ends of a call.
  TemplateText client_contact;
  std::string core_contact;
};

// Those of each flow: flows that use several transports take turns.
struct RequestsOf {
  const Requests& of(uint32_t flow) const noexcept { return list[list.size() == 1 ? 0 : flow % list.size()]; }
  std::vector<Requests> list;
};

namespace detail {

// The letter after the numbers distinguishes the transactions of a call.
inline std::string via(const std::string& transport, const std::string& sent_by, const char* letter) {
  std::string upper;
  for (char c : transport) upper += static_cast<char>(c & ~0x20);
  return "Via: SIP/2.0/" + upper + " " + sent_by + ";branch=z9hG4bK" + kFlowMark + kSeqMark + letter + ";rport\r\n";
}

inline std::string common(const std::string& from, const std::string& to, const std::string& cseq) {
  return "Max-Forwards: 70\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: " + kFlowMark + "-" + kSeqMark + "@load.example\r\nCSeq: " + cseq + "\r\n";
}

// User-Agent pads the message to the wanted size: no edge reads it, just as none reads those of real phones.
inline std::string padded(const std::string& head, const std::string& tail, size_t size) {
  const std::string name = "User-Agent: ";
  size_t taken = head.size() + name.size() + 2 + tail.size();
  return head + name + std::string(size > taken ? size - taken : 1, 'x') + "\r\n" + tail;
}

inline std::string with_body(const std::string& type, const std::string& body) {
  return "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline RoutedText routed(const std::string& start, const std::string& head, const std::string& tail, size_t size) {
  return {TemplateText(start), TemplateText(padded(head, tail, size - start.size()))};
}

}  // namespace detail

// `size` is the size of each message before any edge has touched it, and without Route. Transports as in URIs: udp, tcp, tls, ws, wss.
inline Requests make_requests(const std::string& client_transport, const std::string& core_transport, const std::string& core_sent_by, size_t size) {
  using namespace detail;
  const std::string client_sent_by(kClientSentBy);
  const std::string user = std::string("u") + kFlowMark;
  const std::string uri = "<sip:" + user + "@load.example>";
  const std::string client_uri = "sip:" + user + "@" + client_sent_by + ";transport=" + client_transport + ";ob";
  const std::string tag = std::string(";tag=") + kSeqMark;
  const std::string text(120, 't');
  const std::string no_body = "Content-Length: 0\r\n\r\n";

  Requests requests;
  std::string start = "REGISTER sip:load.example SIP/2.0\r\n" + via(client_transport, client_sent_by, "");
  std::string head = start + common(uri + tag, uri, "1 REGISTER") + "Supported: outbound, path, gruu\r\n";
  head += "Contact: <" + client_uri + ">;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0000" + kFlowMark + ">\"\r\n";
  head += "Expires: 3600\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\n";
  requests.client_register = TemplateText(padded(head, no_body, size));

  start = "MESSAGE sip:callee@load.example SIP/2.0\r\n" + via(client_transport, client_sent_by, "");
  head = start + common(uri + tag, "<sip:callee@load.example>", "1 MESSAGE") + "Supported: outbound, path, gruu\r\n";
  requests.client_message = TemplateText(padded(head, with_body("text/plain", text), size));

  auto of_core = [&](const char* method, const char* letter) {
    return std::string(method) + " " + client_uri + " SIP/2.0\r\n" + via(core_transport, core_sent_by, letter);
  };
  const std::string caller = "<sip:caller@load.example>";
  const std::string answered = ";tag=7c3f01de";
  requests.core_message = routed(of_core("MESSAGE", ""), common(caller + tag, uri, "1 MESSAGE"), with_body("text/plain", text), size);

  const std::string core_uri = "sip:caller@" + core_sent_by + ";transport=" + core_transport;
  const std::string sdp = std::string("v=0\r\no=") + kFlowMark + kSeqMark + " 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
  requests.core_contact = "Contact: <" + core_uri + ">\r\n";
  requests.client_contact = TemplateText("Contact: <" + client_uri + ">\r\n");
  requests.sdp = TemplateText(sdp);
  head = common(caller + tag, uri, "1 INVITE") + requests.core_contact;
  requests.core_invite = routed(of_core("INVITE", "i"), head, with_body("application/sdp", sdp), size);
  requests.core_ack = routed(of_core("ACK", "a"), common(caller + tag, uri + answered, "1 ACK"), no_body, size);
  requests.core_bye = routed(of_core("BYE", "b"), common(caller + tag, uri + answered, "2 BYE"), no_body, size);
  start = "BYE " + core_uri + " SIP/2.0\r\n" + via(client_transport, client_sent_by, "b");
  requests.client_bye = routed(start, common(uri + answered, caller + tag, "1 BYE"), no_body, size);
  return requests;
}

}  // namespace sluice::bench
