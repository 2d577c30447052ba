// STUN Binding requests: what is answered, what is dropped, and what is not STUN.
#include "core/transport/stun.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "check.h"

namespace sluice::stun_test {
namespace {

Address source(Text ip, uint16_t port) {
  Address out;
  CHECK(parse_ip(ip, out));
  out.port = port;
  return out;
}

std::string octets(Text hex) {
  std::string out, digits;
  for (char c : hex)
    if (c != ' ') digits += c;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return out;
}

std::string be16(size_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

const std::string kCookie = octets("2112a442");
const std::string kTransaction = octets("b7e7a701bc34d686fa87dfae");

std::string attribute(size_t type, const std::string& value) {
  return be16(type) + be16(value.size()) + value + std::string((4 - value.size() % 4) % 4, '\0');
}

std::string packet(size_t type, const std::string& attributes) {
  return be16(type) + be16(attributes.size()) + kCookie + kTransaction + attributes;
}

std::string request(const std::string& attributes = "") { return packet(1, attributes); }

uint32_t crc32(const std::string& text) {
  uint32_t crc = ~0u;
  for (char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

// RFC 8489 14.7: the length includes FINGERPRINT, the checksum does not.
std::string fingerprinted(const std::string& attributes, size_t type = 1) {
  const std::string before = be16(type) + be16(attributes.size() + 8) + kCookie + kTransaction + attributes;
  const uint32_t sum = crc32(before) ^ 0x5354554E;
  return before + be16(0x8028) + be16(4) + be16(sum >> 16) + be16(sum & 0xFFFF);
}

struct Answer {
  StunResult result;
  std::string text;
};

Answer ask(const std::string& text, const Address& from = source("192.0.2.1", 32853)) {
  // A separate allocation, so that the sanitizer finds a read beyond the end.
  const std::vector<uint8_t> data(text.begin(), text.end());
  uint8_t out[kMaxStunReply + 1];
  std::memset(out, '#', sizeof out);
  size_t size = 0;
  const StunResult result = answer_stun(data.data(), data.size(), from, out, &size);
  CHECK(size <= kMaxStunReply && out[kMaxStunReply] == '#');
  if (result == StunResult::reply) CHECK(size <= std::max<size_t>(64, 2 * text.size()));
  return {result, result == StunResult::reply ? std::string(reinterpret_cast<const char*>(out), size) : ""};
}

const std::string kMapped = octets("0020 0008 0001 a147 e112a643");
const std::string kMapped6 = octets("0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9");

std::string refusal(std::initializer_list<size_t> types) {
  std::string list;
  for (size_t type : types) list += be16(type);
  return attribute(0x0009, octets("00000414")) + attribute(0x000A, list);
}

// RFC 5769 2.1: a request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY and FINGERPRINT.
const std::string kSample = octets(
    "00010058 2112a442 b7e7a701bc34d686fa87dfae"
    "80220010 5354554e207465737420636c69656e74"
    "00240004 6e0001ff"
    "80290008 932ff9b151263b36"
    "00060009 6576746a3a68367659202020"
    "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004 e57a3bcf");

}  // namespace

TEST("OB-8-1 OB-8-2 a Binding request is answered with the mapped address, XORed (RFC 5769 2.2, 2.3)") {
  CHECK_EQ(ask(request()).text, packet(0x0101, kMapped));
  CHECK_EQ(ask(request(), source("2001:db8:1234:5678:11:2233:4455:6677", 32853)).text, packet(0x0101, kMapped6));
}

TEST("OB-8-2 a v4-mapped source is reported as an IPv4 address") {
  CHECK_EQ(ask(request(), source("::ffff:192.0.2.1", 32853)).text, packet(0x0101, kMapped));
}

TEST("OB-8-3 the first octet distinguishes STUN from SIP") {
  for (int first = 0; first < 256; ++first) {
    std::string text = request();
    text[0] = static_cast<char>(first);
    CHECK_EQ(ask(text).result, first == 0 ? StunResult::reply : first == 1 ? StunResult::ignore : StunResult::not_stun);
  }
  CHECK_EQ(ask("").result, StunResult::not_stun);
  CHECK_EQ(ask("REGISTER sip:example.net SIP/2.0\r\n").result, StunResult::not_stun);
  CHECK_EQ(ask("\r\n\r\n").result, StunResult::not_stun);
}

TEST("OB-8-4 the response has the request's transaction id and source") {
  std::string other = request();
  for (size_t i = 8; i < 20; ++i) other[i] = static_cast<char>(0xF0 + i);
  const std::string answer = ask(other, source("203.0.113.9", 65535)).text;
  CHECK_EQ(answer.substr(4, 16), other.substr(4, 16));
  CHECK_EQ(answer.substr(20), octets("0020 0008 0001 deed ea12d54b"));
}

TEST("OB-8-5 every truncated request is dropped") {
  for (const std::string& whole : {request(), fingerprinted(attribute(0x8022, "phone")), kSample})
    for (size_t size = 1; size < whole.size(); ++size) CHECK_EQ(ask(whole.substr(0, size)).result, StunResult::ignore);
}

TEST("OB-8-5 a length other than the datagram's is dropped") {
  const std::string whole = request(attribute(0x8022, "abcd"));
  for (size_t length = 0; length < 65536; ++length) {
    std::string text = whole;
    text.replace(2, 2, be16(length));
    CHECK_EQ(ask(text).result, length == 8 ? StunResult::reply : StunResult::ignore);
  }
  for (size_t more = 1; more < 40; ++more) CHECK_EQ(ask(request() + std::string(more, '\0')).result, StunResult::ignore);
}

TEST("OB-8-5 an attribute that extends beyond the end is dropped") {
  for (size_t length = 0; length < 65536; ++length) {
    const std::string text = request(be16(0x8022) + be16(length) + "abcdefgh");
    // A shorter one leaves "abcd" or "efgh" to be read as a header, whose length extends beyond the end.
    CHECK_EQ(ask(text).result, length >= 5 && length <= 8 ? StunResult::reply : StunResult::ignore);
  }
  CHECK_EQ(ask(request(attribute(0x8022, "abcd") + std::string(4, '\xff'))).result, StunResult::ignore);
}

TEST("OB-8-5 a wrong FINGERPRINT is dropped, and so is one that does not come last") {
  const std::string right = fingerprinted(attribute(0x8022, "phone"));
  CHECK_EQ(ask(right).result, StunResult::reply);
  for (size_t bit = 0; bit < 8 * right.size(); ++bit) {
    std::string text = right;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ 1 << bit % 8);
    // With another type it is not FINGERPRINT, and a longer SOFTWARE swallows it; everything else must be noticed.
    const size_t at = bit / 8;
    if (at == 22 || at == 23 || at == right.size() - 8 || at == right.size() - 7) continue;
    CHECK(ask(text).result != StunResult::reply);
  }
  const std::string body = attribute(0x8022, "x");
  std::string early = request(fingerprinted("").substr(20) + body);
  const uint32_t sum = crc32(early.substr(0, 20)) ^ 0x5354554E;
  early.replace(24, 4, be16(sum >> 16) + be16(sum & 0xFFFF));
  CHECK_EQ(ask(early).result, StunResult::ignore);
  CHECK_EQ(ask(request(attribute(0x8028, "abcdefgh"))).result, StunResult::ignore);
  CHECK_EQ(ask(request(attribute(0x8028, ""))).result, StunResult::ignore);
}

TEST("OB-8-5 mutated requests are never read out of bounds, and responses have one of two forms") {
  std::mt19937 random(8);
  for (int round = 0; round < 20000; ++round) {
    std::string text = round % 2 == 0 ? kSample : fingerprinted(attribute(0x0003, "abcd") + attribute(0x8022, "phone"));
    for (uint32_t changes = random() % 4 + 1; changes > 0; --changes) text[random() % text.size()] = static_cast<char>(random());
    if (random() % 3 == 0) text.resize(random() % text.size());
    const Answer answer = ask(text);
    if (answer.result == StunResult::reply) CHECK(answer.text[0] == 1 && (answer.text[1] == 1 || answer.text[1] == 0x11));
  }
}

TEST("OB-8-6 a request without the cookie (RFC 3489) is ignored") {
  for (size_t at = 4; at < 8; ++at) {
    std::string text = request();
    text[at] ^= 1;
    CHECK_EQ(ask(text).result, StunResult::ignore);
  }
}

TEST("OB-8-7 an unknown comprehension-required attribute is refused by number, an optional one is ignored") {
  CHECK_EQ(ask(request(attribute(0x0003, "abcd"))).text, packet(0x0111, refusal({0x0003})));
  CHECK_EQ(ask(request(attribute(0x7FFF, "") + attribute(0x0024, "abcd"))).text, packet(0x0111, refusal({0x7FFF, 0x0024})));
  CHECK_EQ(ask(request(attribute(0x8000, "x") + attribute(0xFFFF, "") + attribute(0x0006, "user"))).text, packet(0x0101, kMapped));
}

TEST("OB-8-7 at most four attributes are named") {
  std::string many;
  for (size_t type = 0x0030; type < 0x0070; ++type) many += attribute(type, "");
  CHECK_EQ(ask(request(many)).text, packet(0x0111, refusal({0x0030, 0x0031, 0x0032, 0x0033})));
}

TEST("OB-8-7 everything after MESSAGE-INTEGRITY is ignored (RFC 8489 14.5)") {
  const std::string mac = attribute(0x0008, std::string(20, 'm'));
  CHECK_EQ(ask(request(mac + attribute(0x0003, "abcd"))).text, packet(0x0101, kMapped));
  CHECK_EQ(ask(request(attribute(0x0003, "abcd") + mac)).text, packet(0x0111, refusal({0x0003})));
}

TEST("OB-8-7 other methods and classes are dropped") {
  for (size_t type = 0; type < 512; ++type)
    CHECK_EQ(ask(packet(type, "")).result, type == 1 ? StunResult::reply : StunResult::ignore);
}

TEST("OB-8-8 a request with FINGERPRINT gets a response with FINGERPRINT") {
  CHECK_EQ(ask(fingerprinted("")).text, fingerprinted(kMapped, 0x0101));
  CHECK_EQ(ask(fingerprinted(attribute(0x0003, "abcd"))).text, fingerprinted(refusal({0x0003}), 0x0111));
}

TEST("OB-8-8 the sample request of RFC 5769 2.1: FINGERPRINT is correct, ICE's PRIORITY is unknown here") {
  CHECK_EQ(ask(kSample).text, fingerprinted(refusal({0x0024}), 0x0111));
  std::string without = kSample.substr(20, kSample.size() - 28);
  without.erase(20, 8);
  CHECK_EQ(ask(fingerprinted(without)).text, fingerprinted(kMapped, 0x0101));
}

TEST("OB-8-8 no response is more than twice as long as its request, or longer than 64 octets") {
  size_t longest = 0;
  for (const Address& from : {source("192.0.2.1", 1), source("2001:db8::1", 1)})
    for (size_t count = 0; count < 8; ++count) {
      std::string list;
      for (size_t i = 0; i < count; ++i) list += attribute(0x30 + i, "");
      for (const std::string& text : {request(list), fingerprinted(list)}) longest = std::max(longest, ask(text, from).text.size());
    }
  CHECK(longest > 0 && longest <= 64);
}

}  // namespace sluice::stun_test
