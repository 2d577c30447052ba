#include "core/home/shared_row.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/home/register_request.h"

namespace sluice {
namespace {

constexpr size_t kRowOwn = 256;    // numbers, quotes and commas
constexpr size_t kLongestChar = 6;  // \u0000

bool is_plain(char c) noexcept { return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\'; }

void put_octet(unsigned char octet, Writer& out) noexcept {
  if (octet < 0x80) return out.put(static_cast<char>(octet));
  out.put(static_cast<char>(0xC0 | octet >> 6));
  out.put(static_cast<char>(0x80 | (octet & 0x3F)));
}

void put_string(Text text, Writer& out) noexcept {
  constexpr Text kHex = "0123456789abcdef";
  out.put('"');
  for (size_t at = 0; at < text.size();) {
    const size_t run = at;
    while (at < text.size() && is_plain(text[at])) ++at;
    out.put(text.substr(run, at - run));
    if (at == text.size()) break;
    const auto octet = static_cast<unsigned char>(text[at++]);
    if (octet == '"' || octet == '\\') {
      out.put('\\');
      out.put(static_cast<char>(octet));
    } else if (octet < 0x20) {
      out.put("\\u00");
      out.put(kHex[octet >> 4]);
      out.put(kHex[octet & 15]);
    } else {
      put_octet(octet, out);
    }
  }
  out.put('"');
}

void put_optional(Text text, Writer& out) noexcept {
  if (text.empty()) out.put("null");
  else put_string(text, out);
}

void put_path_array(Text path, Writer& out) noexcept {
  out.put('[');
  bool is_first = true;
  for (Text value; next_path_value(path, value); is_first = false) {
    if (!is_first) out.put(',');
    put_string(value, out);
  }
  out.put(']');
}

bool has_control(Text text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Of a field that may be folded.
bool has_line_end(Text text) noexcept {
  for (size_t at = text.find_first_of(Text("\r\n\0", 3)); at != Text::npos; at = text.find_first_of(Text("\r\n\0", 3), at + 1)) {
    const bool is_folded = text.substr(at, 2) == "\r\n" && at + 2 < text.size() && (text[at + 2] == ' ' || text[at + 2] == '\t');
    if (!is_folded) return true;
    ++at;
  }
  return false;
}

// Takes the values of an array one by one.
class Values {
 public:
  Values(Text row, char* room) noexcept : left_(row), room_(room) {}

  bool take(char c) noexcept {
    if (left_.empty() || left_.front() != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  bool word(Text word) noexcept {
    if (left_.substr(0, word.size()) != word) return false;
    left_.remove_prefix(word.size());
    return true;
  }
  bool number(uint64_t& out) noexcept {
    out = 0;
    size_t digits = 0;
    for (; digits < left_.size() && is_digit(left_[digits]); ++digits) out = out * 10 + static_cast<uint64_t>(left_[digits] - '0');
    left_.remove_prefix(digits);
    return digits > 0 && digits < 18;
  }
  bool flag(bool& out) noexcept {
    out = word("true");
    return out || word("false");
  }
  // Empty if it is null.
  bool optional(Text& out) noexcept {
    out = Text();
    return word("null") || string(out);
  }
  bool string(Text& out) noexcept {
    if (!take('"')) return false;
    char* const begin = room_;
    for (;;) {
      if (left_.empty()) return false;
      const char c = left_.front();
      left_.remove_prefix(1);
      if (c == '"') break;
      if (is_plain(c)) *room_++ = c;
      else if (c == '\\' ? !escape() : !two_octets(static_cast<unsigned char>(c))) return false;
    }
    out = Text(begin, static_cast<size_t>(room_ - begin));
    return true;
  }
  // As netstrings, one after the other.
  bool strings(Text& out) noexcept {
    char* const begin = room_;
    out = Text();
    if (!take('[')) return false;
    if (take(']')) return true;
    for (;;) {
      if (!netstring()) return false;
      out = Text(begin, static_cast<size_t>(room_ - begin));
      if (take(']')) return true;
      if (!take(',')) return false;
    }
  }

 private:
  // Its length comes first, and is known last.
  bool netstring() noexcept {
    char* const begin = room_;
    Text value;
    if (!string(value)) return false;
    char digits[20];
    char* const end = std::to_chars(digits, digits + sizeof digits, value.size()).ptr;
    const auto size = static_cast<size_t>(end - digits);
    std::memmove(begin + size + 1, begin, value.size());
    std::memcpy(begin, digits, size);
    begin[size] = ':';
    room_ = begin + size + 1 + value.size();
    return true;
  }
  bool escape() noexcept {
    if (left_.empty()) return false;
    const char c = left_.front();
    left_.remove_prefix(1);
    constexpr Text kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    if (const size_t at = kNames.find(c); at != Text::npos) *room_++ = kMeant[at];
    else if (c != 'u' || !hex()) return false;
    return true;
  }
  bool hex() noexcept {
    unsigned value = 0;
    if (left_.size() < 4) return false;
    for (const char digit : left_.substr(0, 4)) {
      const char low = lower(digit);
      if (!is_digit(low) && (low < 'a' || low > 'f')) return false;
      value = value * 16 + static_cast<unsigned>(is_digit(low) ? low - '0' : low - 'a' + 10);
    }
    left_.remove_prefix(4);
    if (value > 0xFF) return false;
    *room_++ = static_cast<char>(value);
    return true;
  }
  // Of the characters beyond ASCII only those that are one octet of ours.
  bool two_octets(unsigned char first) noexcept {
    if ((first != 0xC2 && first != 0xC3) || left_.empty() || (static_cast<unsigned char>(left_.front()) & 0xC0) != 0x80) return false;
    *room_++ = static_cast<char>((first & 3) << 6 | (static_cast<unsigned char>(left_.front()) & 0x3F));
    left_.remove_prefix(1);
    return true;
  }

  Text left_;
  char* room_;
};

}  // namespace

void put_utf8(Text octets, Writer& out) noexcept {
  for (size_t at = 0; at < octets.size();) {
    const size_t run = at;
    while (at < octets.size() && static_cast<unsigned char>(octets[at]) < 0x80) ++at;
    out.put(octets.substr(run, at - run));
    if (at < octets.size()) put_octet(static_cast<unsigned char>(octets[at++]), out);
  }
}

size_t most_of_row(const Binding& binding) noexcept {
  size_t octets = 0;
  for (const Text part : binding.parts) octets += part.size();
  return kRowOwn + kLongestChar * octets;
}

void put_row(const Binding& binding, Writer& out) noexcept {
  const auto number = [&](uint64_t value) {
    out.put(',');
    out.put_number(value);
  };
  out.put('[');
  put_string(binding[Part::key], out);
  out.put(',');
  put_string(binding[Part::call_id], out);
  number(binding.cseq);
  number(binding.expires);
  number(binding.updated);
  out.put(',');
  put_optional(binding[Part::flow], out);
  out.put(',');
  put_optional(binding[Part::instance], out);
  out.put(binding.outbound() ? ",true," : ",false,");
  if (binding.reg_id == 0) out.put("null");
  else out.put_number(binding.reg_id);
  out.put(',');
  put_string(binding[Part::uri], out);
  out.put(',');
  put_string(binding[Part::params], out);
  out.put(',');
  put_path_array(binding[Part::path], out);
  number(binding.q);
  out.put(',');
  put_optional(binding[Part::agent], out);
  out.put((binding.flags & kDirect) != 0 ? ",true," : ",false,");
  put_optional(binding[Part::node], out);
  out.put(']');
}

bool read_row(Text row, char* room, Binding& out) noexcept {
  Values values(row, room);
  out = Binding();
  uint64_t cseq = 0, reg_id = 0, q = 0;
  bool is_flow = false, is_direct = false;
  const auto comma = [&] { return values.take(','); };
  const bool is_read = values.take('[') && values.string(out[Part::key]) && comma() && values.string(out[Part::call_id]) && comma() && values.number(cseq) && comma() &&
                       values.number(out.expires) && comma() && values.number(out.updated) && comma() && values.optional(out[Part::flow]) && comma() &&
                       values.optional(out[Part::instance]) && comma() && values.flag(is_flow) && comma() && (values.word("null") || values.number(reg_id)) && comma() &&
                       values.string(out[Part::uri]) && comma() && values.string(out[Part::params]) && comma() && values.strings(out[Part::path]) && comma() && values.number(q) &&
                       comma() && values.optional(out[Part::agent]);
  // Rows of earlier versions end here.
  if (!is_read || (comma() && !(values.flag(is_direct) && comma() && values.optional(out[Part::node]))) || !values.take(']')) return false;
  // No registrar writes that: it would begin a header field of its own.
  if (has_control(out[Part::uri]) || has_line_end(out[Part::params]) || has_line_end(out[Part::path])) return false;
  out.cseq = static_cast<uint32_t>(cseq);
  out.reg_id = static_cast<uint32_t>(reg_id);
  out.q = static_cast<uint16_t>(q);
  out.flags = static_cast<uint16_t>((is_flow ? kOutbound : 0) | (is_direct ? kDirect : 0));
  return true;
}

}  // namespace sluice
