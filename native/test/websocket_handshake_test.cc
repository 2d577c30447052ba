// The opening handshake of RFC 6455 4.2 with the subprotocol of RFC 7118.
#include "core/transport/websocket_handshake.h"

#include "core/crypto/sha1.h"
#include "check.h"

namespace sluice::websocket_handshake_test {
namespace {

struct Request {
  std::string line = "GET /ws?x=1 HTTP/1.1";
  std::string host = "Host: edge.example.org\r\n";
  std::string upgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
  std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  std::string version = "Sec-WebSocket-Version: 13\r\n";
  std::string protocol = "Sec-WebSocket-Protocol: sip\r\n";
  std::string extra = {};

  std::string text() const { return line + "\r\n" + host + upgrade + key + version + protocol + extra + "\r\n"; }
};

int status_of(const Request& request, const UpgradeRules& rules = {}) {
  Upgrade upgrade;
  const std::string text = request.text();
  CHECK_EQ(read_upgrade(text, rules, upgrade), UpgradeRead::whole);
  return upgrade.status;
}

std::string answer_to(const Request& request) {
  Upgrade upgrade;
  const std::string text = request.text();
  read_upgrade(text, {}, upgrade);
  char room[kMaxUpgradeAnswer];
  Writer out(room, sizeof room);
  write_upgrade_answer(upgrade, upgrade.status, Text(), Text(), out);
  return std::string(out.text());
}

}  // namespace

TEST("WS-4.1-1 the example of RFC 6455 1.3 gets its accept value and only the protocol sip") {
  CHECK_EQ(answer_to({.protocol = "Sec-WebSocket-Protocol: chat, sip\r\n"}),
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
           "Sec-WebSocket-Protocol: sip\r\n\r\n");
}

TEST("WS-4.1-2 sip is found in any list, as a token and in lower case") {
  CHECK_EQ(status_of({.protocol = "Sec-WebSocket-Protocol: chat\r\nsec-websocket-protocol: a,sip ,b\r\n"}), 101);
  for (const char* bad : {"", "Sec-WebSocket-Protocol: SIP\r\n", "Sec-WebSocket-Protocol: sipx, xsip\r\n", "Sec-WebSocket-Protocol: \r\n"})
    CHECK_EQ(status_of({.protocol = bad}), 400);
}

TEST("WS-F-5 an offered extension is not accepted") {
  CHECK(answer_to({.extra = "Sec-WebSocket-Extensions: permessage-deflate\r\n"}).find("xtensions") == std::string::npos);
}

TEST("WS-7-3 origins and paths that are not listed get 403 and 404") {
  const UpgradeRules rules{{"https://phone.example.org"}, {"/ws"}};
  CHECK_EQ(status_of({.extra = "Origin: https://phone.example.org\r\n"}, rules), 101);
  CHECK_EQ(status_of({.extra = "Origin: https://evil.example.org\r\n"}, rules), 403);
  CHECK_EQ(status_of({.extra = "Origin: null\r\n"}, rules), 403);
  CHECK_EQ(status_of({}, rules), 403);
  CHECK_EQ(status_of({.line = "GET /other HTTP/1.1"}, rules), 404);
  CHECK_EQ(status_of({.extra = "Origin: https://phone.example.org\r\nOrigin: https://evil.example.org\r\n"}, {{}, {}}), 400);
}

TEST("WS-7-3 faulty handshakes get specific responses") {
  CHECK_EQ(status_of({.line = "POST / HTTP/1.1"}), 405);
  CHECK_EQ(status_of({.line = "GET / HTTP/1.0"}), 505);
  CHECK_EQ(status_of({.line = "GET http://a/ HTTP/1.1"}), 400);
  CHECK_EQ(status_of({.line = "GET / a HTTP/1.1"}), 400);
  CHECK_EQ(status_of({.host = ""}), 400);
  CHECK_EQ(status_of({.upgrade = ""}), 426);
  CHECK_EQ(status_of({.upgrade = "Upgrade: websocket\r\n"}), 426);
  CHECK_EQ(status_of({.key = ""}), 400);
  CHECK_EQ(status_of({.key = "Sec-WebSocket-Key: short\r\n"}), 400);
  CHECK_EQ(status_of({.key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"}), 400);
  CHECK_EQ(status_of({.version = "Sec-WebSocket-Version: 8\r\n"}), 426);
  CHECK_EQ(status_of({.extra = "Content-Length: 5\r\n"}), 400);
  CHECK_EQ(status_of({.extra = "Transfer-Encoding: chunked\r\n"}), 400);
  CHECK_EQ(status_of({.extra = " folded: x\r\n"}), 400);
  CHECK_EQ(status_of({.extra = "no colon\r\n"}), 400);
  CHECK_EQ(status_of({.extra = std::string("A: \0b\r\n", 7)}), 400);
}

TEST("WS-7-3 a handshake is bounded in octets and fields, and an incomplete one waits for more") {
  Upgrade upgrade;
  const std::string text = Request{}.text();
  for (size_t size = 0; size < text.size(); ++size) CHECK_EQ(read_upgrade(Text(text).substr(0, size), {}, upgrade), UpgradeRead::more);
  std::string many;
  for (int i = 0; i < 70; ++i) many += "X: y\r\n";
  CHECK_EQ(status_of({.extra = many}), 431);
  CHECK_EQ(status_of({.extra = "X: " + std::string(kMaxHandshake, 'y') + "\r\n"}), 431);
  for (Text other : {Text("\x16\x03\x01"), Text("REGISTER sip:a SIP/2.0\r\n"), Text("POST"), Text("\r\n\r\n")}) CHECK_EQ(read_upgrade(other, {}, upgrade), UpgradeRead::whole);
}

TEST("WS-F-6 octets after the handshake in the same segment are left for the frames") {
  Upgrade upgrade;
  const std::string text = Request{}.text();
  const std::string more = text + "\x81\x80....";
  CHECK_EQ(read_upgrade(more, {}, upgrade), UpgradeRead::whole);
  CHECK_EQ(upgrade.head, Text(text));
  CHECK_EQ(upgrade.target, "/ws?x=1");
}

TEST("WS-4.1-1 SHA-1: the examples of FIPS 180-4") {
  const auto hex = [](Text data) {
    std::string out;
    for (uint8_t octet : sha1(data)) {
      out += "0123456789abcdef"[octet >> 4];
      out += "0123456789abcdef"[octet & 15];
    }
    return out;
  };
  CHECK_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK_EQ(hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

}  // namespace sluice::websocket_handshake_test
