// Any octets as a REGISTER that is decided on by numbers: what is read lies inside the message or the request, and the head of the answer
// is a SIP message.
#include <cstdlib>
#include <string>

#include "core/home/digest.h"
#include "core/home/register_answer.h"
#include "core/home/response_head.h"
#include "core/home/register_request.h"
#include "core/sip/scanner.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

bool is_inside(Text whole, Text part) { return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()); }

const ServedDomains& served() {
  static const ServedDomains domains = [] {
    ServedDomains all;
    all.add("example.org", "example.org");
    all.add("192.0.2.100", "");
    return all;
  }();
  return domains;
}

void check_request(const Message& message, Text whole, const Source& source) {
  static RegisterRequest request;
  const bool is_read = read_register(message, source, served(), request);
  const Text texts(request.texts, RegisterRequest::kRoom);
  for (const Text part : {request.aor, request.call_id, request.uri, request.params, request.instance, request.key, request.path, request.agent})
    expect(is_inside(whole, part) || is_inside(texts, part));
  if (!is_read) return;
  expect(!request.aor.empty() && !request.uri.empty() && !request.key.empty() && !request.call_id.empty());
  expect(((request.flags & kAsk_flow) != 0) == (request.key.front() == 'f'));
  expect(((request.flags & kAsk_path) != 0) != request.path.empty());
  Text path = request.path;
  size_t values = 0;
  for (Text value; next_path_value(path, value); ++values) expect(is_inside(texts, value));
  expect(path.empty() && values <= 20);
  std::string room(2 * message.head_size + 512, '\0');
  Writer out(room.data(), room.size());
  expect(write_response_head(message, source, 200, "OK", "tag", 30, out));
  out.put(kRegisterEnd);
  Message answer;
  expect(scan(room.data(), out.size(), kFindHead, Carrier::datagram, ScanLimits(), answer) == ScanError::none);
}

void check_credentials(const Message& message, Text whole) {
  DigestCredentials credentials;
  if (!read_credentials(message, credentials)) return;
  for (const Text part : {credentials.user, credentials.realm, credentials.nonce, credentials.uri, credentials.response, credentials.cnonce, credentials.nc})
    expect(!part.empty() && is_inside(whole, part));
  constexpr uint8_t kHa1[kMaxDigest] = {};
  static LastHa2 ha2;
  proves_ha1(credentials, kHa1, ha2);
  are_for(credentials, message, served(), false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static Message message;
  if (scan(text.data(), text.size(), kFindHead, Carrier::datagram, ScanLimits(), message) != ScanError::none || !message.is_request || message.method != Method::register_) return 0;
  Source source;
  check_request(message, text, source);
  source.from_core = true;
  check_request(message, text, source);
  check_credentials(message, text);
  return 0;
}
