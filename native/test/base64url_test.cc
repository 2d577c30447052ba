// base64url: the vectors of RFC 4648 10 in the URL alphabet, and everything that is refused.
#include "core/base/base64url.h"

#include <memory>

#include "check.h"

namespace sluice::base64url_test {
namespace {

std::string encoded(const std::string& octets) {
  std::string out(base64url_size(octets.size()) + 1, '#');
  const size_t size = base64url_encode(reinterpret_cast<const uint8_t*>(octets.data()), octets.size(), out.data());
  CHECK_EQ(size, base64url_size(octets.size()));
  CHECK_EQ(out[size], '#');
  std::string portable(out.size(), '#');
  CHECK_EQ(base64url_encode_portably(reinterpret_cast<const uint8_t*>(octets.data()), octets.size(), portable.data()), size);
  CHECK_EQ(portable, out);
  return out.substr(0, size);
}

// "-" if refused. The octet after the buffer must not change.
std::string decoded(Text text, size_t capacity = 64) {
  std::string out(capacity + 1, '#');
  const int size = base64url_decode(text, reinterpret_cast<uint8_t*>(out.data()), capacity);
  CHECK_EQ(out[capacity], '#');
  std::string portable(capacity + 1, '#');
  CHECK_EQ(base64url_decode_portably(text, reinterpret_cast<uint8_t*>(portable.data()), capacity), size);
  if (size >= 0) CHECK_EQ(portable, out);
  return size < 0 ? "-" : out.substr(0, static_cast<size_t>(size));
}

// Six bits after six bits, as RFC 4648 4 and 5 say.
std::string spelled_out(const std::string& octets) {
  constexpr Text kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto bit = [&](size_t at) { return at / 8 < octets.size() ? static_cast<uint8_t>(octets[at / 8]) >> (7 - at % 8) & 1 : 0; };
  std::string text;
  for (size_t at = 0; at < 8 * octets.size(); at += 6) {
    size_t value = 0;
    for (size_t i = 0; i < 6; ++i) value = value << 1 | static_cast<size_t>(bit(at + i));
    text += kAlphabet[value];
  }
  return text;
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

TEST("OB-5.2-7 base64url: every octet in every place of a text of whole groups is taken, or refused") {
  for (size_t size = 4; size <= 48; size += 4) {
    for (size_t place = 0; place < size; ++place) {
      for (int octet = 0; octet < 256; ++octet) {
        std::string text(size, 'A');
        text[place] = static_cast<char>(octet);
        const std::string octets = decoded(text);
        if (is_base64url(text[place])) CHECK_EQ(encoded(octets), text);
        else CHECK_EQ(octets, "-");
      }
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
    // Nor reads beyond the text, nor takes one with a wrong octet anywhere.
    const std::unique_ptr<char[]> place(new char[text.size()]);
    text.copy(place.get(), text.size());
    CHECK_EQ(decoded(Text(place.get(), text.size())), octets);
    for (size_t i = 0; i < text.size(); ++i) {
      std::string bad = text;
      bad[i] = '=';
      CHECK_EQ(decoded(bad), "-");
    }
  }
  CHECK_EQ(decoded(std::string(100000, 'A')), "-");
}

TEST("OB-5.1-8 base64url: octets of every length, read and written at every alignment, give the text that RFC 4648 spells out bit by bit") {
  constexpr size_t kMost = 64, kAround = 16;
  for (size_t size = 0; size <= kMost; ++size) {
    for (size_t from = 0; from < kAround; ++from) {
      std::string octets(from + size, '\0');
      for (size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>((i + 1) * 151 + size * 29 + from * 7);
      // In memory of exactly this size, so that a sanitizer sees each octet too many that is read.
      const std::unique_ptr<char[]> place(new char[octets.size()]);
      octets.copy(place.get(), octets.size());
      const std::string expected = spelled_out(octets.substr(from));
      for (const size_t to : {size_t{0}, size_t{1}, from}) {
        std::string out(to + expected.size() + kAround, '#');
        CHECK_EQ(base64url_encode(reinterpret_cast<const uint8_t*>(place.get()) + from, size, out.data() + to), expected.size());
        CHECK_EQ(out, std::string(to, '#') + expected + std::string(kAround, '#'));
      }
    }
  }
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
