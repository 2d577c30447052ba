// Any octets as a message: whatever the scanner accepts, the reference parser reads the same way, and every slice lies inside (GR-41).
#include <cstdlib>
#include <string>

#include "core/sip/via.h"
#include "../test/agreement.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void check_slice(const Message& message, Slice slice) { expect(size_t{slice.at} + slice.len <= message.head_size); }

void check_message(const Message& message) {
  for (Slice slice : {message.method_text, message.request_uri, message.reason, message.top_via, message.call_id, message.from_value,
                      message.to_value, message.from_tag, message.to_tag, message.cseq_value, message.cseq_method})
    check_slice(message, slice);
  for (size_t i = 0; i < message.line_count; ++i) {
    const HeaderLine& line = message.lines[i];
    expect(line.line_at < line.line_end && line.line_end <= message.head_size);
    expect(line.value_at >= line.line_at && size_t{line.value_at} + line.value_len <= line.line_end);
  }
  Via via;
  if (!message.top_via.empty()) parse_via(message.text(message.top_via), via);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Exactly sized, so that a read beyond the end is detected.
  const std::string text(reinterpret_cast<const char*>(data), size);
  const ScanLimits limits;
  Message message;
  const size_t head = find_head_end(text.data(), text.size(), 0);
  scan(text.data(), text.size(), head, Carrier::datagram, limits, message);
  check_message(message);
  if (size <= limits.max_head) expect(test::difference(text).empty());
  return 0;
}
