// Bans of addresses and networks.
#include "core/flow/ban_set.h"

#include <string>

#include "check.h"

namespace sluice::ban_set_test {
namespace {

Address at(const std::string& ip) {
  Address address;
  parse_ip(ip, address);
  return address;
}

}  // namespace

TEST("DET-22 a ban covers an address, an IPv4 network or an IPv6 network, and nobody else") {
  BanSet bans;
  CHECK(bans.empty() && !bans.holds(at("192.0.2.1")));
  bans.replace({{at("192.0.2.1"), 128}, {at("198.51.100.0"), 120}, {at("203.0.113.64"), 96 + 26}, {at("2001:db8:1:2::"), 64}});
  for (const char* ip : {"192.0.2.1", "198.51.100.0", "198.51.100.255", "203.0.113.64", "203.0.113.127", "2001:db8:1:2::", "2001:db8:1:2:ffff::1"})
    CHECK(bans.holds(at(ip)));
  for (const char* ip : {"192.0.2.0", "192.0.2.2", "198.51.99.255", "198.51.101.0", "203.0.113.63", "203.0.113.128", "2001:db8:1:3::", "2001:db8:1:1:ffff::", "::"})
    CHECK(!bans.holds(at(ip)));
  bans.replace({});
  CHECK(bans.empty() && !bans.holds(at("192.0.2.1")));
}

}  // namespace sluice::ban_set_test
