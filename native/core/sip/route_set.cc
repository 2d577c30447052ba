#include "core/sip/route_set.h"

#include "core/sip/lexer.h"
#include "core/sip/name_addr.h"

namespace sluice {

void cut_top_via(const Message& message, EditList& edits) noexcept {
  const HeaderLine& line = *message.line(HeaderId::via);
  const char* behind = message.data + message.top_via.end();
  const char* end = message.data + line.value_at + line.value_len;
  const char* comma = skip_lws(behind, end);
  if (comma == end) return edits.cut(line.line_at, line.line_end);
  edits.cut(line.value_at, static_cast<size_t>(skip_lws(comma + 1, end) - message.data));
}

void cut_values(const Message& message, HeaderId id, size_t count, EditList& edits) noexcept {
  for (const HeaderLine* line = message.line(id); line != nullptr && count > 0; line = message.next(*line)) {
    ValueList values(message.value(*line));
    Text value;
    while (count > 0 && values.next(value)) --count;
    Text kept;
    if (values.next(kept)) {
      edits.cut(line->value_at, static_cast<size_t>(kept.data() - message.data));
    } else {
      edits.cut(line->line_at, line->line_end);
    }
  }
}

void cut_lines(const Message& message, HeaderId id, EditList& edits) noexcept {
  for (const HeaderLine* line = message.line(id); line != nullptr; line = message.next(*line)) edits.cut(line->line_at, line->line_end);
}

Text nth_value(const Message& message, HeaderId id, size_t n) noexcept {
  for (const HeaderLine* line = message.line(id); line != nullptr; line = message.next(*line)) {
    ValueList values(message.value(*line));
    for (Text value; values.next(value);)
      if (n-- == 0) return value;
  }
  return Text();
}

bool undo_strict_route(const Message& message, size_t cut, EditList& edits) noexcept {
  const size_t count = message.route_count;
  if (count <= cut) return false;
  const Text last = nth_value(message, HeaderId::route, count - 1);
  NameAddr address;
  if (last.empty() || !parse_name_addr(last, address)) return false;
  edits.replace(message.request_uri.at, message.request_uri.end(), address.uri_text);
  // The line with the last value, and the value before it on that line, which stays.
  size_t before_line = 0;
  for (const HeaderLine* line = message.line(HeaderId::route); line != nullptr; line = message.next(*line)) {
    ValueList values(message.value(*line));
    size_t on_line = 0;
    Text previous;
    for (Text value; values.next(value); ++on_line)
      if (value.data() != last.data()) previous = value;
    const bool is_last_line = message.next(*line) == nullptr;
    const size_t cut_here = cut > before_line ? (cut - before_line < on_line ? cut - before_line : on_line) : 0;
    const size_t going = cut_here + (is_last_line ? 1 : 0);
    if (going >= on_line) {
      edits.cut(line->line_at, line->line_end);
    } else {
      if (cut_here > 0) edits.cut(line->value_at, static_cast<size_t>(nth_value(message, HeaderId::route, before_line + cut_here).data() - message.data));
      if (is_last_line) edits.cut(static_cast<size_t>(previous.data() + previous.size() - message.data), size_t{line->value_at} + line->value_len);
    }
    before_line += on_line;
  }
  return true;
}

void apply_strict_route(const Message& message, size_t cut, Text next_uri, Writer& text, EditList& edits) noexcept {
  const HeaderLine* last = message.line(HeaderId::route);
  while (message.next(*last) != nullptr) last = message.next(*last);
  cut_values(message, HeaderId::route, cut + 1, edits);
  const size_t mark = text.size();
  text.put("Route: <");
  text.put(message.text(message.request_uri));
  text.put(">\r\n");
  edits.insert(last->line_end, text.since(mark));
  edits.replace(message.request_uri.at, message.request_uri.end(), next_uri);
}

}  // namespace sluice
