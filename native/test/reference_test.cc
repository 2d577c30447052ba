// The scanner and the reference parser must agree on mutated messages (GR-41).
#include "agreement.h"

#include <random>

#include "core/sip/uri.h"
#include "check.h"
#include "sip_text.h"

namespace sluice::reference_test {
using namespace test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 20'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int kRounds = 20'000;
#else
constexpr int kRounds = 200'000;
#endif
#else
constexpr int kRounds = 200'000;
#endif

std::vector<std::string> sound_messages() {
  return {Parts{}.text(),
          Parts{.start = "SIP/2.0 180 Ringing", .to = "t : <sip:b@h>;tag=t1"}.text(),
          Parts{.via = "v: SIP / 2.0 / UDP [::1] : 5080 ; branch = z9hG4bKx, SIP/2.0/TCP h;x=\"a,;\\\"b\"", .extra = "Route: <sip:r;lr>,\r\n \"a,b\" <sip:s,t@h>;p=1"}.text(),
          Parts{.from = "f: \"a\\\\\\\x07<,;>\"  <tel:+1>;x=y ; TAG\t=\r\n 5", .to = "To: a b <urn:x>", .call_id = "i:{}<>/@x", .content_length = "l\t: 0012"}.text(),
          Parts{.start = "M!x sip:a%41;b:p@[2001:db8::1]:99;lr;x=[1] sip/2.0", .cseq = "CSEQ : 0012\r\n\tM!x", .max_forwards = "Max-Forwards: 256"}.text(),
          Parts{.start = "OPTIONS urn:service:sos.fire SIP/2.0", .to = "To: <urn:service:sos>"}.text(),
          Parts{.to = "To: sip:b@h;tag=2", .extra = "Subject: \"x\r\n\ty\r\nSupported:\r\nRoute: <http://x/?a>"}.text()};
}

const char* const kPieces[] = {"\r\n", "\r", "\n", " ", "\t", "\r\n ", ",", ";", ":", "=", "\"", "\\", "<", ">", "@", "%", "%41", "[", "]", "/", "?", "&", "0", "9", "a", "Z", "\x01",
                               "\x7f", "\xff", "\\\x02", "tag=", ";tag=q", ";branch=", "sip:", "SIP/2.0", "z9hG4bK", "Via: ", "\r\nVia: SIP/2.0/UDP h", "\r\nl: 0", "\r\nRoute: <sip:x>",
                               "\r\nf: <sip:x>", "\r\nTo: <sip:x>", "4294967296", "00", ";lr;lr", "..", "#"};

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  void mutate(std::string& text) {
    const size_t at = below(text.size());
    switch (below(6)) {
      case 0: text.erase(at, 1 + below(3)); break;
      case 1: text.erase(at, below(30)); break;
      case 2: text[at] = kPieces[below(std::size(kPieces))][0]; break;
      case 3: text.insert(at, text.substr(below(text.size()), below(40))); break;
      default: text.insert(at, kPieces[below(std::size(kPieces))]); break;
    }
  }

 private:
  std::mt19937 random_;
};

std::string shown(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\" + std::to_string(c);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

TEST("GR-41 the scanner and the reference parser agree on valid messages") {
  for (const std::string& text : sound_messages()) {
    CHECK_EQ(difference(text), "");
    CHECK(read_reference(text.substr(0, find_head_end(text.data(), text.size(), 0))).sound);
  }
}

TEST("GR-41 the scanner and the reference parser agree on mutated messages") {
  Mutator mutator(20260101);
  const std::vector<std::string> sound = sound_messages();
  int still_sound = 0, differing = 0;
  for (int i = 0; i < kRounds && differing < 5; ++i) {
    std::string text = sound[mutator.below(sound.size())];
    for (size_t n = 1 + mutator.below(3); n > 0; --n) mutator.mutate(text);
    const std::string what = difference(text);
    if (!what.empty()) {
      ++differing;
      CHECK_EQ(what + ": " + shown(text), "");
    }
    const size_t head = find_head_end(text.data(), text.size(), 0);
    static Message m;
    still_sound += head != 0 && scan(text.data(), text.size(), head, Carrier::stream, ScanLimits{}, m) == ScanError::none;
  }
  // The comparison would prove nothing if all mutations were valid, or none.
  CHECK(still_sound > kRounds / 50);
  CHECK(still_sound < kRounds / 2);
}

TEST("GR-41 parse_uri and the reference parser agree on mutated URIs") {
  const std::string sound[] = {"sip:a;b?c/d,e:p%41w@example.net:5060;transport=tcp;LR;x=[::1]?h=v&w=%20", "sips:[2001:db8::1]:5061;ob", "tel:+1-2;x=y", "urn:service:sos", "sip:h"};
  Mutator mutator(42);
  for (int i = 0; i < kRounds / 2; ++i) {
    std::string text = sound[mutator.below(std::size(sound))];
    for (size_t n = 1 + mutator.below(2); n > 0 && !text.empty(); --n) mutator.mutate(text);
    Uri uri;
    const bool expected = is_reference_uri(text);
    if (parse_uri(text, uri) != expected) CHECK_EQ(shown(text), expected ? "a URI" : "no URI");
  }
}

}  // namespace sluice::reference_test
