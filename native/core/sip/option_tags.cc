#include "core/sip/option_tags.h"

#include "core/base/layout.h"
#include "core/sip/head_map.h"
#include "core/sip/lexer.h"
#include "core/sip/message.h"
#include "core/sip/name_addr.h"

namespace sluice {
namespace {

// Which bit each tag sets; 0: none.
struct Bits {
  uint8_t outbound;
  uint8_t path;
  uint8_t gruu;
};

[[gnu::always_inline]] inline uint32_t bit_of(Text tag, Bits bits) noexcept {
  if (tag.size() == 8) return same_word(tag, "outbound") ? bits.outbound : 0u;
  if (tag.size() != 4) return 0;
  return same_word(tag, "path") ? bits.path : same_word(tag, "gruu") ? bits.gruu : 0u;
}

[[gnu::cold, gnu::noinline]] uint32_t read_any_list(Text list, Bits bits) noexcept {
  uint32_t found = 0;
  ValueList values(list);
  for (Text value; values.next(value);) found |= bit_of(value, bits);
  return found;
}

// `plain`: false if there is more than letters, digits, '-', '.' and '_' with at most one space before each tag; else as it was.
[[gnu::always_inline]] inline uint32_t read_lines(const HeadMap& map, const Message& message, HeaderId id, Bits bits, bool& plain) noexcept {
  uint32_t found = 0;
  for (const HeaderLine* line = message.line(id); line != nullptr; line = message.next(*line)) {
    const char* p = message.data + line->value_at;
    const char* const end = p + line->value_len;
    const char* behind;
    while ((behind = map.plain_or_beyond(p, end)) < end) {
      if (*behind != ',') [[unlikely]] {
        plain = false;
        found |= read_any_list(between(p, end), bits);
        p = end;
        break;
      }
      found |= bit_of(between(p, behind), bits);
      p = behind + 1;
      if (*p == ' ' && p < end) ++p;
    }
    found |= bit_of(between(p, end), bits);
  }
  return found;
}

}  // namespace

void read_options(const HeadMap& map, Message& message) noexcept {
  bool plain = message.is_request, ignored = true;
  uint32_t found = 0;
  if (message.is_request) found = read_lines(map, message, HeaderId::supported, {kOption_supported_outbound, kOption_supported_path, kOption_supported_gruu}, plain);
  if (message.line(HeaderId::require) != nullptr) found |= read_lines(map, message, HeaderId::require, {kOption_require_outbound, 0, 0}, ignored);
  message.options = static_cast<uint8_t>(found);
  message.supports_plainly = plain;
}

}  // namespace sluice
