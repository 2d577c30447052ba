#include "core/sip/header_name.h"

#include <array>
#include <cstring>

namespace sluice {

namespace {

struct Name {
  Text text;
  char compact;
};

constexpr std::array<Name, kHeaderIds> kNames = {{
#define SLUICE_HEADER(name, text, compact) {text, static_cast<char>(compact)},
#include "core/base/layout.def"
}};

// Names consist of letters and '-'; what this makes of other octets is not equal to any name.
constexpr char lowered(char c) { return static_cast<char>(c | 0x20); }

// Length, first and last character are different for all known names, so one multiplication finds the only candidate.
constexpr uint32_t kBits = 7;

constexpr uint32_t key_of(Text name) {
  return static_cast<uint32_t>(name.size() << 16) | static_cast<uint32_t>(static_cast<uint8_t>(lowered(name.front())) << 8) |
         static_cast<uint8_t>(lowered(name.back()));
}

struct Perfect {
  uint32_t factor = 0;
  std::array<uint8_t, 1u << kBits> ids{};  // 0 is HeaderId::other
};

consteval Perfect make_perfect() {
  for (uint32_t factor = 0x9E3779B1u;; factor = factor * 1664525u + 1013904223u) {
    Perfect table;
    table.factor = factor | 1;
    bool clash = false;
    for (uint8_t i = 1; i < kNames.size() && !clash; ++i) {
      uint8_t& slot = table.ids[(key_of(kNames[i].text) * table.factor) >> (32 - kBits)];
      clash = slot != 0;
      slot = i;
    }
    if (!clash) return table;
  }
}

consteval std::array<uint8_t, 128> make_compact() {
  std::array<uint8_t, 128> ids{};
  for (uint8_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i].compact == 0) continue;
    ids[static_cast<uint8_t>(kNames[i].compact)] = i;
    ids[static_cast<uint8_t>(kNames[i].compact) - 32] = i;
  }
  return ids;
}

// Known names consist of letters and '-': setting bit 0x20 turns no other token character into one of those. Long names are compared
// word by word; the last word may overlap the previous one.
bool same_name(Text name, Text known) noexcept {
  const size_t size = name.size();
  const auto differs = [&]<typename Word>(size_t at, Word mask) {
    Word a, b;
    std::memcpy(&a, name.data() + at, sizeof a);
    std::memcpy(&b, known.data() + at, sizeof b);
    return static_cast<Word>((a ^ b) & mask);
  };
  if (size >= 8) {
    uint64_t sum = differs(size - 8, uint64_t{0xDFDFDFDFDFDFDFDF});
    for (size_t at = 0; at + 8 < size; at += 8) sum |= differs(at, uint64_t{0xDFDFDFDFDFDFDFDF});
    return sum == 0;
  }
  if (size >= 4) return (differs(0, 0xDFDFDFDFu) | differs(size - 4, 0xDFDFDFDFu)) == 0;
  return (differs(0, uint16_t{0xDFDF}) | differs(size - 2, uint16_t{0xDFDF})) == 0;
}

constexpr Perfect kPerfect = make_perfect();
constexpr std::array<uint8_t, 128> kCompact = make_compact();

}  // namespace

HeaderId header_id(Text name) noexcept {
  if (name.size() < 2) return name.empty() ? HeaderId::other : static_cast<HeaderId>(kCompact[name[0] & 0x7F]);
  const uint8_t id = kPerfect.ids[(key_of(name) * kPerfect.factor) >> (32 - kBits)];
  const Text known = kNames[id].text;
  if (name.size() != known.size()) return HeaderId::other;
  return same_name(name, known) ? static_cast<HeaderId>(id) : HeaderId::other;
}

}  // namespace sluice
