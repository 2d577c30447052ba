#include "core/base/utf8.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {
namespace {

// Nearly all of SIP is ASCII.
const uint8_t* skip_ascii(const uint8_t* at, const uint8_t* end) noexcept {
#if defined(__SSE2__)
  const auto part = [&at](int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at) + i); };
  while (end - at >= 64 && _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(part(0), part(1)), _mm_or_si128(part(2), part(3)))) == 0) at += 64;
#endif
  uint64_t word;
  while (end - at >= 8 && (std::memcpy(&word, at, 8), (word & 0x8080808080808080) == 0)) at += 8;
  while (at < end && *at < 0x80) ++at;
  return at;
}

// Length of the longest prefix that consists of whole characters.
size_t sound_prefix(Text text) noexcept {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  const auto* const begin = at;
  const auto* const end = at + text.size();
  while (at < end) {
    if (*at < 0x80) {
      at = skip_ascii(at, end);
      continue;
    }
    const uint8_t lead = *at;
    const ptrdiff_t size = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    if (size == 0 || end - at < size) break;
    const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) break;
    ptrdiff_t i = 2;
    while (i < size && (at[i] & 0xc0) == 0x80) ++i;
    if (i < size) break;
    at += size;
  }
  return static_cast<size_t>(at - begin);
}

}  // namespace

bool is_utf8(Text text) noexcept { return sound_prefix(text) == text.size(); }

bool is_utf8(Text head, Text tail) noexcept {
  const size_t sound = sound_prefix(head);
  if (sound == head.size()) return is_utf8(tail);
  const size_t left = head.size() - sound;
  if (left > 3) return false;
  char seam[7];
  std::memcpy(seam, head.data() + sound, left);
  const size_t more = tail.size() < 3 ? tail.size() : 3;
  if (more > 0) std::memcpy(seam + left, tail.data(), more);
  // The character that straddles the seam ends within the first three octets of the tail.
  for (size_t taken = 1; taken <= more; ++taken)
    if (is_utf8(Text(seam, left + taken))) return is_utf8(tail.substr(taken));
  return false;
}

}  // namespace sluice
