// Addresses: one normal form, and texts that are not addresses.
#include "core/sip/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <random>

#include "check.h"

namespace sluice::address_test {
namespace {

Address parsed(Text text, uint16_t port = 5060) {
  Address address;
  CHECK(parse_ip(text, address));
  address.port = port;
  return address;
}

std::string shown(const Address& address) {
  char text[kMaxIpText];
  std::memset(text, '#', sizeof text);
  const size_t size = format_ip(address, text);
  CHECK(size < sizeof text && text[size] == '\0');
  return std::string(text, size);
}

bool unusable(Text text) { return parsed(text).is_unusable_peer(); }

}  // namespace

TEST("T6-11 each number in each place of an IPv4 address is written without leading zeros, as it is read") {
  for (int place = 0; place < 4; ++place) {
    for (int value = 0; value < 256; ++value) {
      int numbers[4] = {7, 10, 255, 100};
      numbers[place] = value;
      std::string expected;
      for (const int number : numbers) expected += (expected.empty() ? "" : ".") + std::to_string(number);
      Address address;
      CHECK(parse_ip(expected, address));
      char text[kMaxIpText + 1];
      text[kMaxIpText] = '#';
      const size_t size = format_ip(address, text);
      CHECK_EQ(std::string(text, size), expected);
      CHECK_EQ(text[size], '\0');
      CHECK_EQ(text[kMaxIpText], '#');
    }
  }
}

TEST("T6-10 an address is the same in every spelling and is written in the shortest one (RFC 5952)") {
  const std::pair<Text, Text> cases[] = {{"192.0.2.1", "192.0.2.1"},
                                         {"0.0.0.0", "0.0.0.0"},
                                         {"255.255.255.255", "255.255.255.255"},
                                         {"10.20.100.7", "10.20.100.7"},
                                         {"::", "::"},
                                         {"::1", "::1"},
                                         {"1::", "1::"},
                                         {"[::1]", "::1"},
                                         {"0:0:0:0:0:0:0:1", "::1"},
                                         {"[2001:DB8:0:0::A]", "2001:db8::a"},
                                         {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                         {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                                         {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                                         {"2001:db8:1:2:3:4::", "2001:db8:1:2:3:4::"},
                                         {"0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0"},
                                         {"::102:304", "::102:304"},
                                         {"::1.2.3.4", "::102:304"},
                                         {"fe80::12:30f0", "fe80::12:30f0"},
                                         {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
                                         {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
  for (const auto& [text, shortest] : cases) {
    CHECK_EQ(shown(parsed(text)), shortest);
    CHECK(parsed(shortest) == parsed(text));
  }
}

TEST("T6-8 OB-5.2-11 v4-mapped text and socket addresses give the IPv4 form") {
  CHECK(parsed("::ffff:192.0.2.1") == parsed("192.0.2.1"));
  CHECK(parsed("[::FFFF:c000:201]") == parsed("192.0.2.1"));
  CHECK(parsed("::ffff:192.0.2.1").is_v4());
  CHECK(!parsed("::192.0.2.1").is_v4());
  CHECK_EQ(shown(parsed("::ffff:192.0.2.1")), "192.0.2.1");

  sockaddr_storage name;
  const Address peer = parsed("192.0.2.1", 49152);
  CHECK_EQ(to_sockaddr(peer, false, &name), sizeof(sockaddr_in));
  CHECK_EQ(name.ss_family, AF_INET);
  CHECK(from_sockaddr(reinterpret_cast<const sockaddr*>(&name)) == peer);
  CHECK_EQ(to_sockaddr(peer, true, &name), sizeof(sockaddr_in6));
  CHECK_EQ(name.ss_family, AF_INET6);
  CHECK(IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6*>(&name)->sin6_addr));
  CHECK(from_sockaddr(reinterpret_cast<const sockaddr*>(&name)) == peer);
}

TEST("OB-5.2-11 IPv6 peers survive conversion to a socket address and back") {
  sockaddr_storage name;
  const Address peer = parsed("2001:db8::9", 65535);
  CHECK_EQ(to_sockaddr(peer, true, &name), sizeof(sockaddr_in6));
  CHECK(from_sockaddr(reinterpret_cast<const sockaddr*>(&name)) == peer);
  CHECK_EQ(to_sockaddr(peer, false, &name), 0u);
  name.ss_family = AF_UNIX;
  CHECK(from_sockaddr(reinterpret_cast<const sockaddr*>(&name)) == Address{});
}

TEST("T6-10 an IPv4 address is read as the C library reads it") {
  std::mt19937 random(3);
  const std::string characters = "0123456789..../ax ";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    if (i % 2 == 0) {
      for (int part = 0; part < 4; ++part) text += (part > 0 ? "." : "") + std::to_string(random() % 300);
      if (i % 3 == 0) text.insert(random() % (text.size() + 1), 1, characters[random() % characters.size()]);
    } else {
      for (size_t size = random() % 16; size > 0; --size) text += characters[random() % characters.size()];
    }
    Address address;
    in_addr v4;
    const bool is_address = inet_pton(AF_INET, text.c_str(), &v4) == 1;
    CHECK_EQ(parse_ip(text, address), is_address);
    if (is_address) CHECK(address.is_v4() && std::memcmp(address.ip + 12, &v4, 4) == 0);
  }
}

TEST("T6-9 T6-11 texts that are not addresses leave the result alone") {
  const Address before = parsed("192.0.2.77", 1);
  using namespace std::literals;
  for (Text bad : {""sv,          " "sv,          "1"sv,           "1.2.3"sv,          "1.2.3.4.5"sv,
                   "256.1.1.1"sv, "1.2.3.04"sv,   "01.2.3.4"sv,    "1.2.3.4 "sv,       " 1.2.3.4"sv,
                   "1.2.3.-4"sv,  "0x7f.0.0.1"sv, "[1.2.3.4]"sv,   "[]"sv,             "["sv,
                   "]"sv,         "[::1"sv,       "::1]"sv,        "[[::1]]"sv,        ":"sv,
                   ":::"sv,       "1::2::3"sv,    "12345::"sv,     "g::"sv,            "1:2:3:4:5:6:7"sv,
                   "::1\0"sv,     "1.2.3.4\0"sv,  "1.2.3.4\0x"sv,  "\0"sv,             "1:2:3:4:5:6:7:8:9"sv,
                   "fe80::1%1"sv, "fe80::1%eth0"sv, "[fe80::1%25eth0]"sv, "2001:db8:::192.0.2.1"sv, "::ffff:1.2.3.4.5"sv,
                   "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"sv}) {
    Address address = before;
    CHECK(!parse_ip(bad, address));
    CHECK(address == before);
  }
  Address address = before;
  CHECK(!parse_ip(std::string(5000, ':'), address));
  CHECK(!parse_ip(std::string(5000, '1'), address));
}

TEST("OB-5.2-9 TR-8 the unspecified, multicast and broadcast addresses are not usable peers") {
  for (Text bad : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "ff02::1",
                   "::ffff:0.0.0.0", "::ffff:224.0.1.75"})
    CHECK(unusable(bad));
  for (Text good : {"192.0.2.1", "127.0.0.1", "10.0.0.1", "223.255.255.255", "::1", "2001:db8::1", "fe80::1"}) CHECK(!unusable(good));
  CHECK(parsed("192.0.2.1", 0).is_unusable_peer());
}

TEST("T6-8 loopback in both address families") {
  for (Text inside : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) CHECK(parsed(inside).is_loopback());
  for (Text outside : {"128.0.0.1", "126.0.0.1", "::", "::2", "1::1", "::127.0.0.1"}) CHECK(!parsed(outside).is_loopback());
}

TEST("T6-8 addresses differ by port and by every octet") {
  const Address one = parsed("2001:db8::1");
  Address other = one;
  other.port = 5061;
  CHECK(other.same_ip(one) && !(other == one));
  for (auto& octet : other.ip) {
    octet ^= 1;
    CHECK(!other.same_ip(one));
    octet ^= 1;
  }
}

}  // namespace sluice::address_test
