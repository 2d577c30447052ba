// Limits on password guessing, and whom they spare.
#include "core/home/login_guard.h"

#include <string>

#include "check.h"

namespace sluice::login_guard_test {
namespace {

constexpr SipKey kKey{1, 2};

Address client(const std::string& ip) {
  Address address;
  parse_ip(ip, address);
  return address;
}

// Failures until the guard refuses, with one user or a new user each time.
uint32_t guesses(LoginGuard& guard, const Address& who, Text user, uint32_t now) {
  uint32_t count = 0;
  while (count < 10'000 && guard.may_try(who, user.empty() ? "user" + std::to_string(count) : std::string(user), now)) {
    guard.failed(who, user.empty() ? "user" + std::to_string(count) : std::string(user), now);
    ++count;
  }
  return count;
}

}  // namespace

TEST("AU-17 a guessing source is refused, and failures are forgiven one at a time") {
  LoginGuard guard(kKey);
  const Address thief = client("192.0.2.1");
  CHECK_EQ(guesses(guard, thief, "", 1'000), uint32_t{LoginGuard::kSourceBurst});
  CHECK(!guard.may_try(thief, "anybody", 1'000 + LoginGuard::kSourceSeconds - 1));
  CHECK(guard.may_try(thief, "anybody", 1'000 + LoginGuard::kSourceSeconds));
  CHECK(guard.may_try(client("192.0.2.2"), "anybody", 1'000));
}

TEST("AU-17 an IPv6 source counts as its /64") {
  LoginGuard guard(kKey);
  guesses(guard, client("2001:db8:1:2::1"), "", 1'000);
  CHECK(!guard.may_try(client("2001:db8:1:2:9::9"), "anybody", 1'000));
  CHECK(guard.may_try(client("2001:db8:1:3::1"), "anybody", 1'000));
}

TEST("AU-17 guesses at one user from many sources are stopped, while the user is heard where they have logged in before") {
  LoginGuard guard(kKey);
  const Address home = client("198.51.100.7");
  guard.proved(home, "bob", 1'000);
  for (uint32_t i = 0; i < LoginGuard::kUserBurst; ++i) guard.failed(client("192.0.2." + std::to_string(i)), "bob", 1'000);
  CHECK(!guard.may_try(client("192.0.2.200"), "bob", 1'000));
  CHECK(guard.may_try(home, "bob", 1'000));
  CHECK(guard.may_try(client("192.0.2.200"), "alice", 1'000));
}

TEST("AU-17 phones that log in are heard next to a guesser behind their NAT, who cannot go on for ever under their names") {
  LoginGuard guard(kKey);
  const Address nat = client("192.0.2.1");
  for (int i = 0; i < 200; ++i) guard.proved(nat, "phone" + std::to_string(i), 1'000);
  CHECK_EQ(guesses(guard, nat, "", 1'000), LoginGuard::kSourceBurst + 200 * LoginGuard::kPerProvenUser);
  for (int i = 0; i < 200; ++i) CHECK(guard.may_try(nat, "phone" + std::to_string(i), 2'000));
  CHECK_EQ(guesses(guard, nat, "phone7", 2'000), uint32_t{LoginGuard::kUserBurst});
  CHECK(guard.may_try(nat, "phone8", 2'000));
}

TEST("AU-17 its memory is bounded and keeps the most recently used entries") {
  LoginGuard guard(kKey, 16);
  for (int i = 0; i < 100'000; ++i) guard.failed(client("2001:db8:" + std::to_string(i % 9'999) + "::1"), "user" + std::to_string(i), 1'000 + i);
  const Address thief = client("192.0.2.1");
  guesses(guard, thief, "", 200'000);
  CHECK(!guard.may_try(thief, "anybody", 200'000));
}

}  // namespace sluice::login_guard_test
