#include "core/base/base64url.h"

#include <array>

namespace sluice {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}

constexpr std::array<int8_t, 256> kValues = make_values();

}  // namespace

size_t base64url_encode(const uint8_t* data, size_t size, char* out) noexcept {
  char* at = out;
  for (; size >= 3; data += 3, size -= 3) {
    const uint32_t word = uint32_t{data[0]} << 16 | uint32_t{data[1]} << 8 | data[2];
    *at++ = kAlphabet[word >> 18];
    *at++ = kAlphabet[word >> 12 & 63];
    *at++ = kAlphabet[word >> 6 & 63];
    *at++ = kAlphabet[word & 63];
  }
  if (size > 0) {
    const uint32_t word = uint32_t{data[0]} << 16 | (size == 2 ? uint32_t{data[1]} << 8 : 0);
    *at++ = kAlphabet[word >> 18];
    *at++ = kAlphabet[word >> 12 & 63];
    if (size == 2) *at++ = kAlphabet[word >> 6 & 63];
  }
  return static_cast<size_t>(at - out);
}

int base64url_decode(Text text, uint8_t* out, size_t capacity) noexcept {
  const size_t rest = text.size() % 4;
  const size_t size = text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1);
  if (rest == 1 || size > capacity) return -1;
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  int wrong = 0;  // turns negative with the first illegal character
  const auto take = [&] {
    const int value = kValues[*at++];
    wrong |= value;
    return static_cast<uint32_t>(value);
  };
  for (size_t groups = text.size() / 4; groups > 0; --groups) {
    uint32_t word = take() << 18;
    word |= take() << 12;
    word |= take() << 6;
    word |= take();
    *out++ = static_cast<uint8_t>(word >> 16);
    *out++ = static_cast<uint8_t>(word >> 8);
    *out++ = static_cast<uint8_t>(word);
  }
  // Unused bits must be zero, or two texts would mean the same token.
  if (rest != 0) {
    uint32_t word = take() << 12;
    word |= take() << 6;
    *out++ = static_cast<uint8_t>(word >> 10);
    if (rest == 3) {
      word |= take();
      *out = static_cast<uint8_t>(word >> 2);
      if ((word & 3) != 0) return -1;
    } else if ((word & 0x3FF) != 0) {
      return -1;
    }
  }
  return wrong < 0 ? -1 : static_cast<int>(size);
}

bool is_base64url(char c) noexcept { return kValues[static_cast<uint8_t>(c)] >= 0; }

}  // namespace sluice
