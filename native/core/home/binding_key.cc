#include "core/home/binding_key.h"

#include <charconv>

namespace sluice {
namespace {

// Removes and returns the first word of `text`, up to the next blank.
Text take_word(Text& text) noexcept {
  const size_t end = text.find(' ');
  const Text word = text.substr(0, end);
  text = end == Text::npos ? Text() : text.substr(end + 1);
  return word;
}

Text name_of(Text parameter) noexcept { return parameter.substr(0, parameter.find('=')); }

// A parameter present in both must be the same in both (RFC 3261 19.1.4).
bool contradicts(Text parameter, Text others) noexcept {
  while (!others.empty()) {
    const Text other = take_word(others);
    if (name_of(other) == name_of(parameter)) return other != parameter;
  }
  return false;
}

}  // namespace

bool same_binding(Text one, Text other) noexcept {
  if (one == other) return true;
  if (one.empty() || other.empty() || one.front() != 'c' || other.front() != 'c') return false;
  if (take_word(one) != take_word(other)) return false;
  while (!one.empty())
    if (contradicts(take_word(one), other)) return false;
  return true;
}

bool is_flow_key(Text key, uint32_t reg_id, Text instance) noexcept {
  char head[kFlowKeyHead];
  const size_t size = write_flow_key_head(reg_id, head);
  return key.size() == size + instance.size() && key.substr(0, size) == Text(head, size) && key.substr(size) == instance;
}

size_t write_flow_key_head(uint32_t reg_id, char* out) noexcept {
  *out = 'f';
  char* const end = std::to_chars(out + 1, out + kFlowKeyHead, reg_id).ptr;
  *end = ' ';
  return static_cast<size_t>(end + 1 - out);
}

}  // namespace sluice
