// The id of a header field name, in any case and in compact form (RFC 3261 7.3.1, 7.3.3).
#pragma once

#include <array>
#include <cstring>

#include "core/sip/message.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {

HeaderId header_id(Text name) noexcept;

namespace header_name_detail {

struct NameForm {
  Text text;
  HeaderId id;
};

constexpr char kCompactForms[] = {
#define SLUICE_HEADER(name, text, compact) static_cast<char>(compact),
#include "core/base/layout.def"
};

constexpr Text kLongForms[] = {
#define SLUICE_HEADER(name, text, compact) text,
#include "core/base/layout.def"
};

constexpr size_t count_forms() {
  size_t count = kHeaderIds;
  for (const char c : kCompactForms) count += c != 0;
  return count;
}

// The long forms, by id, then the compact ones.
constexpr size_t kForms = count_forms();

constexpr std::array<NameForm, kForms> make_forms() {
  std::array<NameForm, kForms> forms{};
  size_t compact = kHeaderIds;
  for (size_t i = 0; i < kHeaderIds; ++i) {
    forms[i] = {kLongForms[i], static_cast<HeaderId>(i)};
    if (kCompactForms[i] != 0) forms[compact++] = {Text(&kCompactForms[i], 1), static_cast<HeaderId>(i)};
  }
  return forms;
}

constexpr std::array<NameForm, kForms> kNameForms = make_forms();

// Names consist of letters and '-'; what this makes of other octets of a token is not equal to any of those.
constexpr char lowered(char c) { return static_cast<char>(c | 0x20); }

// The last three octets, with what comes before a shorter name in a head, and the colon. With the length they are different for all names,
// so one multiplication finds the only candidate.
constexpr uint32_t key_of(Text name) {
  uint32_t key = ':';
  for (size_t back = 1; back <= 3; ++back) {
    const char c = back <= name.size() ? name[name.size() - back] : back == name.size() + 1 ? '\n' : '\r';
    key = key << 8 | static_cast<uint8_t>(lowered(c));
  }
  return key + static_cast<uint32_t>(name.size());
}

constexpr uint32_t kSlotBits = 7;

constexpr uint32_t slot_of(uint32_t key, uint32_t factor) { return (key * factor) >> (32 - kSlotBits); }

consteval uint32_t find_factor() {
  for (uint32_t factor = 0x9E3779B1u;; factor = factor * 1664525u + 1013904223u) {
    std::array<bool, 1u << kSlotBits> taken{};
    bool clash = false;
    for (size_t i = 1; i < kForms && !clash; ++i) {
      bool& slot = taken[slot_of(key_of(kNameForms[i].text), factor | 1)];
      clash = slot;
      slot = true;
    }
    if (!clash) return factor | 1;
  }
}

constexpr uint32_t kNameFactor = find_factor();
constexpr size_t kNameWord = 16;

struct NameTable {
  alignas(kNameWord) char words[kForms][kNameWord] = {};  // those that fit, in lower case, zeros behind
  uint8_t mask[2 * kNameWord] = {};                   // from kNameWord - n on: n full octets, then empty ones
  HeaderId ids[kForms] = {};
  uint8_t slots[1u << kSlotBits] = {};  // which form; 0 is HeaderId::other
};

consteval NameTable make_name_table() {
  NameTable table;
  for (size_t i = 0; i < kNameWord; ++i) table.mask[i] = 0xFF;
  for (size_t i = 1; i < kForms; ++i) {
    const Text text = kNameForms[i].text;
    for (size_t at = 0; at < text.size() && text.size() <= kNameWord; ++at) table.words[i][at] = lowered(text[at]);
    table.ids[i] = kNameForms[i].id;
    table.slots[slot_of(key_of(text), kNameFactor)] = static_cast<uint8_t>(i);
  }
  return table;
}

inline constexpr NameTable kNameTable = make_name_table();

}  // namespace header_name_detail

// How many octets from the beginning of the name must exist for header_id_in_head().
constexpr size_t kNameReach = 16;

// The same for a name of 1 to 16 octets, all of a token, that stands between a line end and a colon.
inline HeaderId header_id_in_head(const char* name, size_t size) noexcept {
#if defined(__SSE2__)
  using namespace header_name_detail;
  static_assert(kNameReach == kNameWord);
  uint32_t key;
  std::memcpy(&key, name + size - 3, sizeof key);
  const size_t form = kNameTable.slots[slot_of((key | 0x20202020) + static_cast<uint32_t>(size), kNameFactor)];
  const __m128i octets = _mm_or_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(name)), _mm_set1_epi8(0x20));
  const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kNameTable.mask + kNameWord - size));
  const __m128i known = _mm_load_si128(reinterpret_cast<const __m128i*>(kNameTable.words[form]));
  const bool same = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(octets, mask), known)) == 0xFFFF;
  return same ? kNameTable.ids[form] : HeaderId::other;
#else
  return header_id(Text(name, size));
#endif
}

}  // namespace sluice
