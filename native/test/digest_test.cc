// Digest credentials of a REGISTER against a known HA1: which ones C++ reads, what they prove, and which request they are for.
#include "check.h"
#include "core/home/digest.h"
#include "core/home/ha1_cache.h"
#include "flow_tokens.h"
#include "md5_text.h"
#include "sip_text.h"

namespace sluice::digest_test {
using namespace test;

namespace {

const std::string kHead = "Authorization: Digest username=\"bob\", realm=\"example.org\", nonce=\"nonce-1\", uri=\"sip:example.org\"";
const std::string kTail = ", qop=auth, nc=0000000a, cnonce=\"xyz\"";
const std::string kMd5 = ", response=\"3b7fe81ba5fcaa3f3e64f68d3809f08e\"";
const std::string kSha256 = ", response=\"78C1C571107ffb28ed6eaf799ba14242a1b0bcf639225e434e8d83d5862730f0\", algorithm=SHA-256";

std::string octets_of_hex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}
// user:realm:password is bob:example.org:secret.
const std::string kHa1Md5 = octets_of_hex("3d43f24c71b71cdd4be54e0721962a79");
const std::string kHa1Sha256 = octets_of_hex("f7dfffb9ffe954f5567e6ce036fab05b75b1960bdfc919625263ab08b9f5e8e4");

const uint8_t* at(const std::string& octets) { return reinterpret_cast<const uint8_t*>(octets.data()); }

Parts with(const std::string& header, const std::string& from = "<sip:bob@example.org>;tag=1", const std::string& to = "<sip:bob@example.org>",
           const std::string& uri = "sip:example.org") {
  Parts parts;
  parts.start = "REGISTER " + uri + " SIP/2.0";
  parts.from = "From: " + from;
  parts.to = "To: " + to;
  parts.cseq = "CSeq: 1 REGISTER";
  parts.extra = header;
  return parts;
}

bool reads(const std::string& header) {
  const Scanned scanned(with(header));
  DigestCredentials credentials;
  return read_credentials(scanned.message, credentials);
}

}  // namespace

TEST("MD5 gives the values of RFC 1321 A.5") {
  CHECK_EQ(md5_of(""), "d41d8cd98f00b204e9800998ecf8427e");
  CHECK_EQ(md5_of("abc"), "900150983cd24fb0d6963f7d28e17f72");
  CHECK_EQ(md5_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), "d174ab98d277d9f5a5611c2c9f419d9f");
  CHECK_EQ(md5_of("12345678901234567890123456789012345678901234567890123456789012345678901234567890"), "57edf4a22be3c955ac49da2e2107b67a");
}

TEST("correct credentials match the HA1 they were computed with, by MD5 and by SHA-256, and no other") {
  const Scanned scanned(with(kHead + kMd5 + kTail));
  DigestCredentials credentials;
  CHECK(read_credentials(scanned.message, credentials));
  CHECK_EQ(credentials.user, "bob");
  CHECK_EQ(credentials.realm, "example.org");
  CHECK_EQ(credentials.nonce, "nonce-1");
  CHECK_EQ(credentials.count, 10u);
  LastHa2 ha2;
  CHECK(proves_ha1(credentials, at(kHa1Md5), ha2));
  std::string other = kHa1Md5;
  other[15] = static_cast<char>(other[15] ^ 1);
  CHECK(!proves_ha1(credentials, at(other), ha2));
  const Scanned newer(with(kHead + kSha256 + kTail));
  CHECK(read_credentials(newer.message, credentials));
  CHECK(credentials.algorithm == DigestAlgorithm::sha256);
  CHECK(proves_ha1(credentials, at(kHa1Sha256), ha2));
  // Each part that is signed counts.
  for (const char* const change : {"nonce-1", "sip:example.org", "0000000a", "xyz"}) {
    std::string text = kHead + kMd5 + kTail;
    text[text.find(change)] = '1';
    const Scanned changed(with(text));
    if (read_credentials(changed.message, credentials)) CHECK(!proves_ha1(credentials, at(kHa1Md5), ha2));
  }
}

TEST("old, rare, duplicate or incomplete credentials are left to the object path") {
  CHECK(reads(kHead + kMd5 + kTail));
  CHECK(reads(kHead + kMd5 + ", opaque=\"a,b\", Algorithm=\"md5\" , QOP = \"AUTH\", nc = 0000000A,cnonce=xyz"));
  CHECK(!reads("-"));
  CHECK(!reads("Authorization: Basic Ym9i"));
  CHECK(!reads("Authorization: Digest"));
  CHECK(!reads(kHead + kMd5));  // RFC 2069
  for (const char* const more : {", nonce=\"2\"", ", opaque=1, opaque=2", ", algorithm=SHA-512-256", ", algorithm=MD5-sess", ", x", ", =y", ", a=\"b", ",,"}) CHECK(!reads(kHead + kMd5 + kTail + more));
  CHECK(!reads(kHead + kMd5 + ", qop=auth-int, nc=0000000a, cnonce=\"xyz\""));
  CHECK(!reads(kHead + kMd5 + ", qop=auth, nc=a, cnonce=\"xyz\""));
  CHECK(!reads(kHead + kMd5 + ", qop=auth, nc=0000000g, cnonce=\"xyz\""));
  CHECK(!reads(kHead + kMd5 + ", qop=auth, nc=0000000a, cnonce=\"\""));
  CHECK(!reads(kHead + ", response=\"3b7f\"" + kTail));
  CHECK(!reads(kHead + kMd5 + kTail + "\r\n" + kHead + kMd5 + kTail));
  CHECK(!reads(kHead + kMd5 + ",\r\n qop=auth, nc=0000000a, cnonce=\"xyz\""));
  CHECK(!reads("Authorization: Digest username=\"b\\ob\", realm=\"example.org\", nonce=\"1\", uri=\"sip:example.org\"" + kMd5 + kTail));
  std::string many = kHead + kMd5 + kTail;
  for (int i = 0; i < 10; ++i) many += ", x" + std::to_string(i) + "=1";
  CHECK(!reads(many));
}

TEST("REG-4 credentials are only for the user's own address and for this request") {
  ServedDomains domains;
  domains.add("example.org", "example.org");
  domains.add("alias.example", "example.org");
  domains.add("192.0.2.100", "");
  const auto fits = [&](const std::string& from, const std::string& to, const std::string& uri, const std::string& user = "bob", bool is_relayed = false) {
    std::string header = kHead + kMd5 + kTail;
    header.replace(header.find("bob"), 3, user);
    const Scanned scanned(with(header, from, to, uri));
    DigestCredentials credentials;
    CHECK(read_credentials(scanned.message, credentials));
    return are_for(credentials, scanned.message, domains, is_relayed);
  };
  const std::string bob = "<sip:bob@example.org>;tag=1";
  CHECK(fits(bob, bob, "sip:example.org"));
  CHECK(fits("<sip:bob@alias.example>;tag=1", bob, "sip:example.org"));
  CHECK(fits(bob, bob, "sip:example.org", "bob@example.org"));
  CHECK(fits(bob, bob, "sip:192.0.2.100"));
  CHECK(!fits("<sip:alice@example.org>;tag=1", bob, "sip:example.org"));
  CHECK(!fits(bob, "<sip:alice@example.org>", "sip:example.org"));
  CHECK(!fits(bob, "<sip:bobby@example.org>", "sip:example.org"));
  CHECK(!fits("<sip:bo@example.org>;tag=1", bob, "sip:example.org"));
  CHECK(!fits("<sip:bob@example.net>;tag=1", bob, "sip:example.org"));
  CHECK(!fits("<sip:b%6fb@example.org>;tag=1", bob, "sip:example.org"));
  CHECK(!fits(bob, bob, "sip:x@example.org"));
  CHECK(fits(bob, bob, "sip:x@example.org", "bob", true));
  CHECK(!fits(bob, bob, "tel:1"));
  CHECK(!fits(bob, bob, "sip:example.org", "bob@example.net"));
}

TEST("an HA1 is remembered until newer ones replace it or all are forgotten") {
  Ha1Cache cache(SipKey{1, 2});
  CHECK(cache.find("bob", "example.org", DigestAlgorithm::md5) == nullptr);
  cache.learn("bob", "example.org", DigestAlgorithm::md5, at(kHa1Md5));
  cache.learn("bob", "example.org", DigestAlgorithm::sha256, at(kHa1Sha256));
  CHECK(std::memcmp(cache.find("bob", "example.org", DigestAlgorithm::md5), kHa1Md5.data(), 16) == 0);
  CHECK(std::memcmp(cache.find("bob", "example.org", DigestAlgorithm::sha256), kHa1Sha256.data(), 32) == 0);
  CHECK(cache.find("bobe", "xample.org", DigestAlgorithm::md5) == nullptr);
  // Another password.
  cache.learn("bob", "example.org", DigestAlgorithm::md5, at(kHa1Sha256));
  CHECK(std::memcmp(cache.find("bob", "example.org", DigestAlgorithm::md5), kHa1Sha256.data(), 16) == 0);
  constexpr int kMany = 200'000;
  for (int i = 0; i < kMany; ++i) cache.learn(std::to_string(i), "r", DigestAlgorithm::md5, at(kHa1Md5));
  int known = 0;
  for (int i = 0; i < kMany; ++i) known += cache.find(std::to_string(i), "r", DigestAlgorithm::md5) != nullptr;
  CHECK(known > 0 && known <= 1 << 16);
  CHECK(cache.find(std::to_string(kMany - 1), "r", DigestAlgorithm::md5) != nullptr);
  cache.forget();
  CHECK(cache.find(std::to_string(kMany - 1), "r", DigestAlgorithm::md5) == nullptr);
}

TEST("all HA1s of a file have room in the cache, hardly any replaces another, and however many come, their octets are bounded") {
  Ha1Cache cache(SipKey{1, 2});
  for (const size_t count : {size_t{3}, size_t{20'000}, Ha1Cache::kMost / 2}) {
    CHECK(cache.start_over(count));
    size_t replaced = 0, known = 0;
    for (size_t i = 0; i < count; ++i) replaced += cache.learn(std::to_string(i), "r", DigestAlgorithm::md5, at(kHa1Md5));
    for (size_t i = 0; i < count; ++i) known += cache.find(std::to_string(i), "r", DigestAlgorithm::md5) != nullptr;
    CHECK_EQ(known, count - replaced);
    CHECK(replaced <= count / 50);
  }
  CHECK(!cache.start_over(Ha1Cache::kMost));
  size_t known = 0;
  for (size_t i = 0; i < 2 * Ha1Cache::kMost; ++i) cache.learn(std::to_string(i), "r", DigestAlgorithm::md5, at(kHa1Md5));
  for (size_t i = 0; i < 2 * Ha1Cache::kMost; ++i) known += cache.find(std::to_string(i), "r", DigestAlgorithm::md5) != nullptr;
  CHECK(known <= Ha1Cache::kMost);
}

TEST("an HA1 with an end is unknown from then on, one user is forgotten without the others, and what is forgotten is wiped a part at a time") {
  Ha1Cache cache(SipKey{1, 2});
  cache.learn("bob", "r", DigestAlgorithm::md5, at(kHa1Md5), 100);
  cache.learn("eve", "r", DigestAlgorithm::md5, at(kHa1Md5));
  CHECK(cache.find("bob", "r", DigestAlgorithm::md5, 99) != nullptr);
  CHECK(cache.find("bob", "r", DigestAlgorithm::md5, 100) == nullptr);
  CHECK(cache.find("bob", "r", DigestAlgorithm::md5, 1'000'000) == nullptr);
  CHECK(cache.find("eve", "r", DigestAlgorithm::md5, 1'000'000) != nullptr);
  // Taught again without an end.
  cache.learn("bob", "r", DigestAlgorithm::md5, at(kHa1Md5));
  CHECK(cache.find("bob", "r", DigestAlgorithm::md5, 100) != nullptr);
  cache.learn("bob", "r", DigestAlgorithm::sha256, at(kHa1Sha256));
  CHECK_EQ(cache.learn_lines("bob\nr\n\nnobody\nr\n\n"), 0u);
  CHECK(cache.find("bob", "r", DigestAlgorithm::md5) == nullptr && cache.find("bob", "r", DigestAlgorithm::sha256) == nullptr);
  CHECK(cache.find("eve", "r", DigestAlgorithm::md5) != nullptr);
  CHECK(cache.start_over(Ha1Cache::kMost / 2));
  CHECK(cache.wipe());
  cache.learn("bob", "r", DigestAlgorithm::md5, at(kHa1Md5));
  CHECK(cache.start_over(3));
  CHECK(cache.find("bob", "r", DigestAlgorithm::md5) == nullptr);
  int steps = 1;
  while (cache.wipe()) ++steps;
  CHECK(steps > 40);
  CHECK(!cache.wipe());
}

TEST("lines of user, realm and HA1 are learnt, and what is none is left out") {
  Ha1Cache cache(SipKey{1, 2});
  const std::string md5 = "939e7578ed9e3c518a452acee763bce9", sha256 = md5 + md5, upper = "939E7578ED9E3C518A452ACEE763BCE9";
  CHECK_EQ(cache.learn_lines("bob\nexample.org\n" + md5 + "\nbob\nexample.org\n" + sha256 + "\nshort\nr\n12\nbad\nr\nx" + md5.substr(1) + "\neve\nr\n" + upper + "\ncut\nr"), 0u);
  const uint8_t first[] = {0x93, 0x9e, 0x75, 0x78};
  const auto knows = [&](Text user, Text realm, DigestAlgorithm algorithm) {
    const uint8_t* const ha1 = cache.find(user, realm, algorithm);
    return ha1 != nullptr && std::memcmp(ha1, first, sizeof first) == 0 && ha1[15] == 0xe9 && (algorithm == DigestAlgorithm::md5 || ha1[31] == 0xe9);
  };
  CHECK(knows("bob", "example.org", DigestAlgorithm::md5) && knows("bob", "example.org", DigestAlgorithm::sha256) && knows("eve", "r", DigestAlgorithm::md5));
  for (const Text user : {"short", "bad", "cut"}) CHECK(cache.find(user, "r", DigestAlgorithm::md5) == nullptr && cache.find(user, "r", DigestAlgorithm::sha256) == nullptr);
}

}  // namespace sluice::digest_test
