// PROXY headers of both versions, as HAProxy writes them and as an attacker might.
#include "core/transport/proxy_header.h"

#include "check.h"

namespace sluice::proxy_header_test {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string version2(int command, int family, std::string rest) {
  std::string out = kSignature;
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size());
  return out + rest;
}

const std::string kIpv4("\xc0\x00\x02\x01\xc0\x00\x02\x02\xd4\x31\x13\xc4", 12);

std::string told(Text octets) {
  ProxyHeader header;
  switch (read_proxy_header(octets, header)) {
    case ProxyRead::more: return "more";
    case ProxyRead::absent: return "absent";
    case ProxyRead::broken: return "broken";
    case ProxyRead::header: break;
  }
  char ip[kMaxIpText];
  const std::string size = std::to_string(header.size);
  return !header.has_client ? size : size + " " + std::string(ip, format_ip(header.client, ip)) + " " + std::to_string(header.client.port);
}

}  // namespace

TEST("DET-23 version 1 names the client") {
  CHECK_EQ(told("PROXY TCP4 192.0.2.1 192.0.2.2 54321 5060\r\nREGISTER"), "43 192.0.2.1 54321");
  CHECK_EQ(told("PROXY TCP6 2001:db8::1 2001:db8::2 54321 5060\r\n"), "47 2001:db8::1 54321");
  CHECK_EQ(told("PROXY UNKNOWN\r\n"), "15");
  CHECK_EQ(told("PROXY UNKNOWN ff::1 what ever\r\n"), "31");
}

TEST("DET-23 a faulty version 1 header is broken") {
  for (const char* bad : {"PROXY TCP4 192.0.2.1 192.0.2.2 54321\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 54321 5060 \r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
                          "PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 01 1\r\n", "PROXY TCP4 192.0.2.256 192.0.2.2 1 1\r\n",
                          "PROXY UDP4 192.0.2.1 192.0.2.2 1 1\r\n", "PROXY  TCP4 192.0.2.1 192.0.2.2 1 1\r\n", "PROXY \r\n"})
    CHECK_EQ(told(bad), "broken");
  CHECK_EQ(told("PROXY TCP4 " + std::string(120, '1')), "broken");
}

TEST("DET-23 version 2 names the client") {
  CHECK_EQ(told(version2(0x21, 0x11, kIpv4) + "x"), "28 192.0.2.1 54321");
  CHECK_EQ(told(version2(0x21, 0x11, kIpv4 + std::string("\x04\x00\x01\x00", 4))), "32 192.0.2.1 54321");  // with an extension
  std::string ipv6(36, '\0');
  ipv6[0] = 0x20, ipv6[1] = 0x01, ipv6[15] = 7, ipv6[33] = 9;
  CHECK_EQ(told(version2(0x21, 0x21, ipv6)), "52 2001::7 9");
}

TEST("DET-23 version 2 says whether the client spoke TLS to the balancer") {
  const auto came_clear = [](const std::string& values) {
    ProxyHeader header;
    CHECK(read_proxy_header(version2(0x21, 0x11, kIpv4 + values), header) == ProxyRead::header);
    return header.came_clear;
  };
  const std::string other("\x04\x00\x01\x00", 4);
  CHECK(!came_clear(""));
  CHECK(!came_clear(other));
  CHECK(!came_clear(other + std::string("\x20\x00\x05\x01\x00\x00\x00\x00", 8)));
  CHECK(!came_clear(std::string("\x20\x00\x05\x07\x00\x00\x00\x00", 8) + other));
  CHECK(came_clear(std::string("\x20\x00\x05\x00\x00\x00\x00\x01", 8)));
  for (const std::string& cut : {std::string("\x20\x00", 2), std::string("\x20\x00\x05\x01", 4)}) CHECK_EQ(told(version2(0x21, 0x11, kIpv4 + cut)), "broken");
}

TEST("DET-23 version 2 without a client: health checks and other address families") {
  CHECK_EQ(told(version2(0x20, 0x00, "")), "16");
  CHECK_EQ(told(version2(0x20, 0x11, kIpv4)), "28");
  CHECK_EQ(told(version2(0x21, 0x00, "")), "16");
  CHECK_EQ(told(version2(0x21, 0x31, std::string(216, 'u'))), "232");
}

TEST("DET-23 a faulty version 2 header is broken") {
  CHECK_EQ(told(version2(0x11, 0x11, kIpv4)), "broken");
  CHECK_EQ(told(version2(0x22, 0x11, kIpv4)), "broken");
  CHECK_EQ(told(version2(0x21, 0x12, kIpv4)), "broken");  // datagrams
  CHECK_EQ(told(version2(0x21, 0x11, "short")), "broken");
  CHECK_EQ(told(version2(0x21, 0x11, std::string(2100, 'x')).substr(0, 16)), "broken");
}

TEST("TR-17 DET-23 every prefix of a header waits for more, and anything else is refused at once") {
  for (const std::string& whole : {std::string("PROXY TCP4 192.0.2.1 192.0.2.2 54321 5060\r\n"), version2(0x21, 0x11, kIpv4)})
    for (size_t size = 0; size < whole.size(); ++size) CHECK_EQ(told(Text(whole).substr(0, size)), "more");
  for (const char* other : {"REGISTER", "PUBLISH sip", "\x16\x03", "GET /", "\r\n\r\nR"}) CHECK_EQ(told(other), "absent");
}

}  // namespace sluice::proxy_header_test
