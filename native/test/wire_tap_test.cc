// What a copied message must not show, and which messages a filter matches.
#include "core/observe/wire_tap.h"

#include "core/sip/scanner.h"
#include "check.h"

namespace sluice::wire_tap_test {
namespace {

std::string scrubbed(std::string text) {
  scrub_credentials(text.data(), text.size());
  return text;
}

bool shows(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST("SA-16 credentials are overwritten in place, whatever their form, and the rest is kept") {
  const std::string head = "REGISTER sip:a SIP/2.0\r\nTo: <sip:b@c>\r\n";
  const std::string digest =
      scrubbed(head + "AUTHORIZATION : Digest username=\"bob\",realm=\"r\", response = \"5ecret\" ,\r\n cnonce=5ecret2,nonce=\"5ecret3\\\"5ecret\", qop=auth\r\n\r\n");
  CHECK(!shows(digest, "5ecret"));
  CHECK(shows(digest, "username=\"bob\"") && shows(digest, "realm=\"r\"") && shows(digest, "qop=auth") && shows(digest, head.c_str()));
  for (const char* value : {"Basic 5ecret", "Bearer 5ecret", "5ecret", "Digest 5ecret=\"5ecret\"", "Digest response=\"5ecret", "Digest response=5ecret", "Digest x=\"5ecret\\"}) {
    const std::string text = scrubbed(head + "Proxy-Authorization: " + value + "\r\nMax-Forwards: 7\r\n\r\n");
    CHECK(!shows(text, "=\"5ecret") && !shows(text, "=5ecret") && !shows(text, " 5ecret\r"));
    CHECK(shows(text, "Max-Forwards: 7\r\n"));
  }
  const std::string body = scrubbed(head + "\r\nv=0\r\na=crypto:1 AES_CM_128 inline:5ecret|2^20\r\na=sendrecv\r\n");
  CHECK(!shows(body, "5ecret") && shows(body, "a=sendrecv\r\n"));
  for (const char* text : {"", "\r\n", "a", "Authorization", "Authorization:", "Authorization: Digest", "x\r\nAuthorization: Digest a=\"", "\n\na=crypto:inline:"}) scrubbed(text);
}

TEST("SA-16 passwords in URIs, cookies, tokens and media keys are overwritten, and similar-looking text is kept") {
  const std::string message = scrubbed(
      "INVITE sip:bob:5ecret@example.org:5060 SIP/2.0\r\nTo: \"B\" <SIPS:bob:5ecret@example.org;x=1>\r\nFrom: <sip:al;ice@example.org:5062>;tag=1\r\n"
      "Cookie: id=5ecret\r\nX-Login: bearer 5ecret\r\nContact: <sip:192.0.2.1:5060;ob>,\r\n <sip:c:5ecret@[2001:db8::1]>\r\n\r\n"
      "v=0\r\nk=clear:5ecret\r\na=ice-pwd:5ecret\r\na=key-mgmt:mikey 5ecret\r\na=crypto:1 X inline:5ecret\r\na=ice-ufrag:stays\r\n");
  CHECK(!shows(message, "5ecret"));
  for (const char* part : {"INVITE sip:bob:xxxxxx@example.org:5060 SIP", "<sip:al;ice@example.org:5062>;tag=1", "<sip:192.0.2.1:5060;ob>", "@[2001:db8::1]>", "a=ice-ufrag:stays"})
    CHECK(shows(message, part));
  for (const char* text : {"sip:", "sip:a:", "x sip:a:b", "sips:a:b@", "\r\n\r\nk=", "bearer ", "a: bearer "}) scrubbed(text);
}

TEST("a filter for an AOR matches only whole AORs, ignoring case") {
  const auto matches = [](const char* to, const char* aor) {
    const std::string text = std::string("OPTIONS sip:x@y.z SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:f@g.h>;tag=1\r\nTo: ") + to + "\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    Message message{};
    scan(text.data(), text.size(), text.size(), Carrier::datagram, ScanLimits{}, message);
    TapFilter filter;
    filter.kind = TapFilter::aor;
    filter.text = aor;
    return WireTap({filter}, SipKey{}).match(message) != 0;
  };
  CHECK(matches("<sip:bob@example.com>", "bob@example.com"));
  CHECK(matches("\"B\" <sips:Bob@EXAMPLE.com:5061;x=y>", "bob@example.com"));
  CHECK(matches("sip:bob@example.com;tag=3", "bob@example.com"));
  CHECK(!matches("<sip:jimbob@example.com>", "bob@example.com"));
  CHECK(!matches("<sip:bob@example.com.au>", "bob@example.com"));
  CHECK(!matches("<sip:bob@example.com>", "bob"));
  CHECK(!matches("<sip:bob@example.com>", ""));
}

TEST("a filter for outcomes takes final responses to REGISTER and refusals of anything, but no requests or other successes") {
  TapFilter filter;
  filter.kind = TapFilter::outcome;
  const WireTap tap({TapFilter{.kind = TapFilter::aor, .text = "a@b", .peer = {}}, filter}, SipKey{});
  const auto matches = [&](const std::string& start, const std::string& cseq) { return tap.match_outcome(start + "\r\nVia: x\r\n" + cseq + "\r\n\r\n"); };
  CHECK_EQ(matches("SIP/2.0 200 OK", "CSeq: 1 REGISTER"), 2u);
  CHECK_EQ(matches("SIP/2.0 200 OK", "cseq:1  REGISTER"), 2u);
  CHECK_EQ(matches("SIP/2.0 200 OK", "CSeq: 1 INVITE"), 0u);
  CHECK_EQ(matches("SIP/2.0 200 OK", "X-CSeq: 1 REGISTER"), 0u);
  CHECK_EQ(matches("SIP/2.0 180 Ringing", "CSeq: 1 INVITE"), 0u);
  for (const char* start : {"SIP/2.0 302 Moved", "SIP/2.0 403 Forbidden", "SIP/2.0 503 x", "SIP/2.0 603 Decline"}) CHECK_EQ(matches(start, "CSeq: 1 INVITE"), 2u);
  for (const char* start : {"REGISTER sip:a SIP/2.0", "SIP/2.0", ""}) CHECK_EQ(matches(start, "CSeq: 1 REGISTER"), 0u);
}

TEST("a tap that nobody drains keeps a bounded number of octets and counts what is lost") {
  WireTap tap({TapFilter{}}, SipKey{});
  const std::string message(60'000, 'x');
  for (int i = 0; i < 200; ++i) tap.put(1, false, Address{}, 0, message, Text());
  uint64_t lost = 0;
  const std::vector<char> octets = tap.drain(lost);
  CHECK(octets.size() <= WireTap::kMaxOctets);
  CHECK(lost + octets.size() / (sizeof(TapHead) + message.size()) == 200);
  CHECK(tap.drain(lost).empty() && lost == 0);
}

}  // namespace sluice::wire_tap_test
