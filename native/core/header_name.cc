#include "header_name.h"

#include <array>

namespace sluice {

namespace {

struct Name {
  Text text;
  char compact;
};

constexpr std::array<Name, kHeaderIds> kNames = {{
#define SLUICE_HEADER(name, text, compact) {text, static_cast<char>(compact)},
#include "layout.def"
}};

constexpr char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Length, first and last character tell all known names apart, so one multiplication finds the only candidate.
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

constexpr Perfect kPerfect = make_perfect();
constexpr std::array<uint8_t, 128> kCompact = make_compact();

}  // namespace

HeaderId header_id(Text name) noexcept {
  if (name.size() < 2) return name.empty() ? HeaderId::other : static_cast<HeaderId>(kCompact[name[0] & 0x7F]);
  const uint8_t id = kPerfect.ids[(key_of(name) * kPerfect.factor) >> (32 - kBits)];
  const Text known = kNames[id].text;
  if (name.size() != known.size()) return HeaderId::other;
  // Known names are letters and '-': no other token character becomes one of those by setting the bit 0x20.
  unsigned differs = 0;
  for (size_t i = 0; i < name.size(); ++i) differs |= static_cast<unsigned>((name[i] ^ known[i]) & 0xDF);
  return differs == 0 ? static_cast<HeaderId>(id) : HeaderId::other;
}

}  // namespace sluice
