// Nobody else can make or alter a flow token, and nothing else passes for one.
#include <cctype>
#include <random>

#include "flow_tokens.h"

namespace sluice::flow_token_forgery_test {
using namespace test;

namespace {

// The text with its %-escapes undone (RFC 3261 19.1.4).
std::string undone(const std::string& text) {
  const auto is_hex = [](char c) { return isxdigit(static_cast<unsigned char>(c)) != 0; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Replaces each octet of `user` with every other octet: no result may be ok or none, unless it still means the same.
void flip_every_character(const std::string& user) {
  const std::string meant = undone(user);
  for (size_t at = 0; at < user.size(); ++at) {
    for (int octet = 0; octet < 256; ++octet) {
      std::string other = user;
      other[at] = static_cast<char>(octet);
      if (undone(other) == meant) continue;
      const TokenVerdict got = verdict(other);
      CHECK(got == TokenVerdict::forged || got == TokenVerdict::unknown_key);
      if (got == TokenVerdict::unknown_key) CHECK(undone(other).substr(2) == meant.substr(2));  // only the key id differs
    }
  }
}

}  // namespace

TEST("OB-5.2-1 every octet in place of every character: forged or of an unknown key, never good, never an ordinary user part") {
  for (const FlowName& flow : kFlows)
    for (Side side : {Side::client, Side::core}) flip_every_character(token(flow, kRing, side));
}

TEST("OB-5.2-1 OB-5.2-8 the same for tokens that contain escapes") {
  for (const FlowName& flow : kFlows) {
    const std::string text = token(flow);
    flip_every_character(all_escaped(text));
    for (size_t at = 0; at < text.size(); at += 5) flip_every_character(text.substr(0, at) + escaped(text[at]) + text.substr(at + 1));
  }
}

TEST("OB-5.2-1 every flipped bit is noticed") {
  for (const FlowName& flow : kFlows) {
    const std::string octets = octets_of(token(flow));
    for (size_t bit = 0; bit < 8 * octets.size(); ++bit) {
      std::string other = octets;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
      CHECK_EQ(verdict(text_of_octets(other)), bit < 6 ? TokenVerdict::unknown_key : TokenVerdict::forged);
    }
  }
}

TEST("OB-5.2-1 truncated, extended and joined tokens are forged") {
  for (const FlowName& flow : kFlows) {
    const std::string text = token(flow);
    for (size_t size = kTokenLookalike; size < text.size(); ++size) CHECK_EQ(verdict(text.substr(0, size)), TokenVerdict::forged);
    for (size_t from = 1; text.size() - from >= kTokenLookalike; ++from) CHECK(verdict(text.substr(from)) != TokenVerdict::ok);
    for (const char* more : {"A", "AA", "AAA", "AAAA", "AAAAAAAA"}) {
      CHECK_EQ(verdict(text + more), TokenVerdict::forged);
      CHECK(verdict(more + text) != TokenVerdict::ok && verdict(more + text) != TokenVerdict::none);
    }
    CHECK(verdict(text + text) == TokenVerdict::forged);
    for (char c : {'.', '=', '%', '~', ' ', '\0', '@'}) {
      CHECK_EQ(verdict(text + c), TokenVerdict::forged);
      CHECK_EQ(verdict(c + text), TokenVerdict::forged);
    }
  }
}

TEST("OB-5.2-2 none of a million invented tokens with our key id is accepted") {
  std::mt19937 random(20);
  const std::string octets[] = {octets_of(token(kFlows[0])), octets_of(token(kFlows[1])), octets_of(token(kFlows[2]))};
  size_t taken = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    std::string made_up = octets[i % 3];
    for (size_t at = 2; at < made_up.size(); at += 4) {
      const uint32_t word = static_cast<uint32_t>(random());
      for (size_t k = 0; k < 4 && at + k < made_up.size(); ++k) made_up[at + k] = static_cast<char>(word >> 8 * k);
    }
    taken += verdict(text_of_octets(made_up)) != TokenVerdict::forged;
  }
  CHECK_EQ(taken, 0u);
}

TEST("OB-5.2-7 OB-5.3-4 ordinary user parts are not tokens") {
  for (Text user : {"", "a", "%", "%4", "%41", "alice", "+4930555010", "edge-user", "john.smith", "sales;team=a", "a%20b",
                    "bob%40example.net",
                    "firstname.lastname.of.the.department", "gateway-01.region-2.example.operator",
                    "+49-30-555-010;ext=1234;phone-context=x",
                    "user:password-that-is-rather-long", "12345678901234567890123", "abcdefghijklmnopqrstuvw",
                    "\xd0\xbd\xd0\xbe\xd0\xbd\xd0\xb5"})
    CHECK_EQ(verdict(user), TokenVerdict::none);
  CHECK_EQ(verdict(std::string(4096, '.')), TokenVerdict::none);
  CHECK_EQ(verdict(std::string(1365, '.') + "%41%42"), TokenVerdict::none);
}

TEST("OB-5.2-7 text in our format that we did not make is forged") {
  CHECK_EQ(verdict(std::string(kTokenLookalike, 'A')), TokenVerdict::forged);
  CHECK_EQ(verdict(std::string(kTokenLookalike - 1, 'A')), TokenVerdict::none);
  for (size_t size : {25u, 31u, 32u, 33u, 40u, 72u, 73u, 100u, 4096u, 65535u}) {
    CHECK_EQ(verdict(std::string(size, 'A')), TokenVerdict::forged);
    CHECK_EQ(verdict(all_escaped(std::string(size, 'A'))), TokenVerdict::forged);
  }
}

TEST("OB-5.2-7 upper and lower case count") {
  const std::string text = token(udp_flow());
  std::string upper = text, lower_case = text;
  for (char& c : upper) c = static_cast<char>(toupper(c));
  for (char& c : lower_case) c = lower(c);
  for (const std::string& other : {upper, lower_case}) {
    CHECK(other != text);
    CHECK(verdict(other) != TokenVerdict::ok && verdict(other) != TokenVerdict::none);
  }
}

TEST("OB-5.2-7 garbage of every length and kind is read within bounds") {
  std::mt19937 random(7);
  for (size_t size = 0; size < 300; ++size) {
    for (int kind = 0; kind < 4; ++kind) {
      // A separate allocation for each, so that the sanitizer finds a read beyond its end.
      std::vector<char> text(size);
      for (char& c : text) {
        const auto any = static_cast<uint32_t>(random());
        c = kind == 0 ? static_cast<char>(any) : kind == 1 ? "%4A1g"[any % 5] : kind == 2 ? '%' : "ABCabc019-_"[any % 11];
      }
      CHECK(verdict(Text(text.data(), text.size())) != TokenVerdict::ok);
    }
  }
}

TEST("OB-5.2-9 an address without our MAC leads nowhere") {
  const auto with_mac = [](std::string octets, char fill) { return text_of_octets(octets + std::string(12, fill)); };
  const std::string aimed = octets_of(token(udp_flow("127.0.0.1", "127.0.0.1"), ring_of({{5, kOtherSecret}})));
  CHECK_EQ(verdict(text_of_octets(aimed)), TokenVerdict::forged);
  for (char fill : {'\0', '\xff', 'x'}) CHECK_EQ(verdict(with_mac(aimed.substr(0, 18), fill)), TokenVerdict::forged);
  for (const char* clear : {"127.0.0.1:25", "127.0.0.1_25", "udp:127.0.0.1:25:127.0.0.1:5060", "\x7f\x00\x00\x01\x00\x19"})
    CHECK(verdict(text_of_octets(clear)) != TokenVerdict::ok);
  // The MAC of one flow does not fit another.
  const std::string one = octets_of(token(udp_flow())), other = octets_of(token(udp_flow("192.0.2.45")));
  CHECK_EQ(verdict(text_of_octets(one.substr(0, 18) + other.substr(18))), TokenVerdict::forged);
}

}  // namespace sluice::flow_token_forgery_test
