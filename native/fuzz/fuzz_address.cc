// Any text as an IP address: whatever is read can be printed and read again; refused text leaves no trace.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdlib>
#include <string>

#include "core/sip/address.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void check_round_trip(const Address& address) {
  char shown[kMaxIpText];
  const size_t length = format_ip(address, shown);
  expect(length > 0 && length < kMaxIpText && shown[length] == '\0');
  Address again;
  expect(parse_ip(Text(shown, length), again) && again.same_ip(address));
  sockaddr_storage name;
  expect(to_sockaddr(address, true, &name) == sizeof(sockaddr_in6));
  expect(from_sockaddr(reinterpret_cast<const sockaddr*>(&name)) == address);
  expect(to_sockaddr(address, false, &name) == (address.is_v4() ? sizeof(sockaddr_in) : 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Address address;
  address.port = 5060;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Address read;
  in_addr v4;
  // IPv4 as the C library reads it.
  if (text.find_first_of(std::string(":\0", 2)) == std::string::npos) expect(parse_ip(text, read) == (inet_pton(AF_INET, text.c_str(), &v4) == 1));
  if (parse_ip(Text(reinterpret_cast<const char*>(data), size), address)) {
    check_round_trip(address);
  } else {
    Address untouched;
    untouched.port = 5060;
    expect(address == untouched);
  }
  if (size >= 16) {
    std::memcpy(address.ip, data, 16);
    check_round_trip(address);
  }
  return 0;
}
