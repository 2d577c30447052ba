#include "core/relay/contact_flags.h"

#include "core/base/layout.h"
#include "core/relay/uri_place.h"
#include "core/sip/name_addr.h"
#include "core/sip/uri.h"

namespace sluice {
namespace {

uint32_t flags_of_contact(const NameAddr& address, bool registers, Uri& uri) noexcept {
  if (!parse_uri(address.uri_text, uri)) return kContact_bad;
  uint32_t flags = 0;
  if (uri.known_params & kUri_ob) flags |= kContact_ob;
  if (uri.known_params & kUri_gr) flags |= kContact_gruu;
  if (registers && is_sip(uri) && find_uri_param(uri.params, "sos", nullptr)) flags |= kContact_sos;
  if (address.has_reg_id) flags |= kContact_reg_id;
  if (address.has_instance) flags |= kContact_instance;
  return flags;
}

}  // namespace

uint32_t contact_flags(const Message& message, int32_t* count, OnlyContact& only) noexcept {
  uint32_t flags = 0;
  *count = 0;
  NameAddr& address = only.address;
  Uri& uri = only.uri;
  const bool registers = message.method == Method::register_;
  for (const HeaderLine* line = message.line(HeaderId::contact); line != nullptr; line = message.next(*line)) {
    Text list = message.value(*line);
    // Well-formed values are split as they are read; from the first faulty one on, the list is split at its commas.
    while (!list.empty() && take_name_addr(list, address)) {
      ++*count;
      flags |= flags_of_contact(address, registers, uri);
      if (list.empty()) break;
      list.remove_prefix(1);
      // A trailing comma.
      if (list.empty()) ++*count, flags |= kContact_bad;
    }
    if (list.empty()) continue;
    ValueList values(list);
    for (Text value; values.next(value);) {
      ++*count;
      if (value == "*") flags |= kContact_star;
      else flags |= parse_name_addr(value, address) ? flags_of_contact(address, registers, uri) : static_cast<uint32_t>(kContact_bad);
    }
  }
  only.is_read = *count == 1 && (flags & static_cast<uint32_t>(kContact_bad | kContact_star)) == 0;
  return flags;
}

}  // namespace sluice
