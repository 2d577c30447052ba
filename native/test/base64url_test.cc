// base64url: the vectors of RFC 4648 10 in the URL alphabet, and everything that is refused.
#include "core/base/base64url.h"

#include "check.h"

namespace sluice::base64url_test {
namespace {

std::string encoded(const std::string& octets) {
  std::string out(base64url_size(octets.size()) + 1, '#');
  const size_t size = base64url_encode(reinterpret_cast<const uint8_t*>(octets.data()), octets.size(), out.data());
  CHECK_EQ(size, base64url_size(octets.size()));
  CHECK_EQ(out[size], '#');
  return out.substr(0, size);
}

// "-" if refused. The octet after the buffer must not change.
std::string decoded(Text text, size_t capacity = 64) {
  std::string out(capacity + 1, '#');
  const int size = base64url_decode(text, reinterpret_cast<uint8_t*>(out.data()), capacity);
  CHECK_EQ(out[capacity], '#');
  return size < 0 ? "-" : out.substr(0, static_cast<size_t>(size));
}

}  // namespace

TEST("OB-5.1-8 base64url: vectors of RFC 4648, without padding") {
  const std::pair<Text, Text> cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"},
                                         {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"}, {"\xff\xff\xff", "____"}};
  for (const auto& [octets, text] : cases) {
    CHECK_EQ(encoded(std::string(octets)), text);
    CHECK_EQ(decoded(text), octets);
  }
}

TEST("OB-5.2-7 base64url: padding, blanks and other characters are refused") {
  for (Text bad : {"Zg==", "Zm8=", "Zm9v=", "=", "Zm9v Zm9v", " Zm9v", "Zm9v\n", "Zm+v", "Zm/v", "Zm%v", "Zm\x80v", "Z",
                   "Zm9vY"})
    CHECK_EQ(decoded(bad), "-");
  CHECK_EQ(decoded(Text("Zm\0v", 4)), "-");
}

TEST("OB-5.2-1 base64url: exactly one text encodes given octets") {
  for (int last = 0; last < 256; ++last) {
    const char c = static_cast<char>(last);
    if (decoded(std::string("Z") + c) != "-") CHECK(c == 'A' || c == 'Q' || c == 'g' || c == 'w');
    const std::string two = decoded(std::string("Zm") + c);
    if (two != "-") CHECK_EQ(encoded(two), std::string("Zm") + c);
  }
}

TEST("OB-5.2-7 base64url: every octet in every place of a long text is taken, or refused") {
  for (size_t place = 0; place < 40; ++place) {
    for (int octet = 0; octet < 256; ++octet) {
      std::string text(40, 'A');
      text[place] = static_cast<char>(octet);
      const std::string octets = decoded(text);
      if (is_base64url(text[place])) CHECK_EQ(encoded(octets), text);
      else CHECK_EQ(octets, "-");
    }
  }
}

TEST("OB-5.2-7 base64url: never writes more octets than there is room for") {
  for (size_t size = 0; size <= 60; ++size) {
    std::string octets;
    for (size_t i = 0; i < size; ++i) octets += static_cast<char>(i * 37 + size);
    const std::string text = encoded(octets);
    CHECK_EQ(decoded(text, size), octets);
    if (size > 0) CHECK_EQ(decoded(text, size - 1), "-");
  }
  CHECK_EQ(decoded(std::string(100000, 'A')), "-");
}

TEST("OB-5.1-8 base64url: 64 characters, all unreserved") {
  int count = 0;
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool expected = is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    CHECK_EQ(is_base64url(c), expected);
    count += is_base64url(c);
  }
  CHECK_EQ(count, 64);
}

}  // namespace sluice::base64url_test
