// Any octets as a message: whatever the scanner accepts, the reference parser reads the same way, and every slice lies inside (GR-41).
#include <cstdlib>
#include <string>
#include <vector>

#include "core/sip/head_map.h"
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
  const bool is_via = !message.top_via.empty() && parse_via(message.text(message.top_via), via);
  // The scanner reads by its map, others by the octets.
  if (message.has_via) expect(is_via && via.value == message.via.value && via.host == message.via.host && via.params == message.via.params && via.branch == message.via.branch);
  Uri uri;
  if (!message.request_uri.empty()) expect(parse_uri(message.text(message.request_uri), uri) && uri.host == message.uri.host && uri.user == message.uri.user && uri.params == message.uri.params);
  NameAddr to;
  if (message.contact.is_read) {
    NameAddr contact;
    expect(parse_name_addr(message.value(*message.line(HeaderId::contact)), contact) && parse_uri(contact.uri_text, uri));
    const OnlyContact& only = message.contact;
    expect(contact.value == only.address.value && contact.params == only.address.params && contact.has_instance == only.address.has_instance &&
           contact.has_reg_id == only.address.has_reg_id && uri.host == only.uri.host && uri.user == only.uri.user && uri.params == only.uri.params &&
           uri.known_params == only.uri.known_params);
  }
  if (!message.to_value.empty()) expect(parse_name_addr(message.text(message.to_value), to) && parse_uri(to.uri_text, uri) && uri.host == message.to_uri.host && uri.user == message.to_uri.user);
}

// All ways of mapping octets find the same.
void check_maps(const std::string& text) {
  const std::string padded = text + std::string(64 - text.size() % 64, '\0');
  const size_t blocks = padded.size() / 64;
  std::vector<uint64_t> specials(blocks), controls(blocks), others(blocks), other_controls(blocks);
  const OctetMappers mappers = octet_mappers();
  mappers.all[0].run(padded.data(), blocks, specials.data(), controls.data());
  for (size_t i = 1; i < mappers.count; ++i) {
    mappers.all[i].run(padded.data(), blocks, others.data(), other_controls.data());
    expect(others == specials && other_controls == controls);
  }
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
  check_maps(text);
  if (size <= limits.max_head) expect(test::difference(text).empty());
  return 0;
}
