#include "core/sip/contacts.h"

#include "core/base/layout.h"
#include "core/sip/message.h"

namespace sluice {
namespace {

uint32_t flags_of(const NameAddr& address, const Uri& uri, bool registers) noexcept {
  const uint32_t known = uri.known_params;
  uint32_t flags = 0;
  if (known & kUri_ob) flags |= kContact_ob;
  if (known & kUri_gr) flags |= kContact_gruu;
  if (registers && (known & kUri_sos)) flags |= kContact_sos;
  if (address.has_reg_id) flags |= kContact_reg_id;
  if (address.has_instance) flags |= kContact_instance;
  return flags;
}

struct Found {
  uint32_t count;
  uint32_t flags;
};

// What take_address cannot take, and what follows it.
[[gnu::cold, gnu::noinline]] Found read_rest(Text list, bool registers, NameAddr& address, Uri& uri) noexcept {
  Found found{0, 0};
  const auto add = [&](bool is_address) {
    ++found.count;
    found.flags |= is_address && parse_uri(address.uri_text, uri) ? flags_of(address, uri, registers) : static_cast<uint32_t>(kContact_bad);
  };
  // Well-formed values are split as they are read; from the first faulty one on, the list is split at its commas.
  while (take_name_addr(list, address)) {
    add(true);
    if (list.empty()) return found;
    list.remove_prefix(1);
    // A trailing comma.
    if (list.empty()) {
      add(false);
      return found;
    }
  }
  ValueList values(list);
  for (Text value; values.next(value);) {
    if (value == "*") ++found.count, found.flags |= kContact_star;
    else add(parse_name_addr(value, address));
  }
  return found;
}

}  // namespace

void read_contacts(const HeadMap& map, Message& message) noexcept {
  const bool registers = message.method == Method::register_;
  NameAddr& address = message.contact.address;
  Uri& uri = message.contact.uri;
  uint32_t count = 0, flags = 0;
  for (const HeaderLine* line = message.line(HeaderId::contact); line != nullptr; line = message.next(*line)) {
    Text list = message.value(*line);
    while (!list.empty()) {
      if (!take_address(map, list, address, uri)) [[unlikely]] {
        const Found rest = read_rest(list, registers, address, uri);
        count += rest.count;
        flags |= rest.flags;
        break;
      }
      ++count;
      flags |= flags_of(address, uri, registers);
      if (list.empty()) break;
      list.remove_prefix(1);
      // A trailing comma.
      if (list.empty()) ++count, flags |= kContact_bad;
    }
  }
  message.contact_count = count;
  message.contact_flags = static_cast<uint8_t>(flags);
  message.contact.is_read = count == 1 && (flags & static_cast<uint32_t>(kContact_bad | kContact_star)) == 0;
}

}  // namespace sluice
