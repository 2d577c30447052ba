// Any text as a URI, a name-addr list and a Via list: every result lies inside the text, and every list ends.
#include <cstdlib>
#include <string>

#include "core/sip/name_addr.h"
#include "core/sip/uri.h"
#include "core/sip/via.h"
#include "../test/reference_parser.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void check_inside(Text whole, Text part) {
  expect(part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()));
}

void check_uri(Text text) {
  Uri uri;
  const bool sound = parse_uri(text, uri);
  expect(sound == test::is_reference_uri(std::string(text)));
  if (!sound) return;
  for (Text part : {uri.scheme_text, uri.user, uri.password, uri.host, uri.params, uri.headers}) check_inside(text, part);
  Text value;
  for (Text name : {"lr", "ob", "transport", "maddr", "gr"})
    if (find_uri_param(uri.params, name, &value)) check_inside(text, value);
  same_host(uri.host, "[::1]");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string octets(reinterpret_cast<const char*>(data), size);
  const Text text(octets);
  check_uri(text);
  Text list = text;
  for (NameAddr address; take_name_addr(list, address);) {
    for (Text part : {address.value, address.display, address.uri_text, address.params}) check_inside(text, part);
    Text value;
    if (find_param(address.params, "tag", &value)) check_inside(text, value);
    if (list.empty()) break;
    list.remove_prefix(1);
  }
  list = text;
  for (Via via; take_via(list, via);) {
    for (Text part : {via.value, via.transport, via.host, via.params, via.branch, via.received, via.maddr, via.rport_param,
                      via.received_param, via.keep_param})
      check_inside(text, part);
    if (list.empty()) break;
    list.remove_prefix(1);
  }
  ValueList values(text);
  size_t count = 0;
  for (Text value; values.next(value); ++count) check_inside(text, value);
  expect(count <= size + 1);
  return 0;
}
