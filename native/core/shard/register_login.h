// Whose request it is, as far as numbers can tell (RFC 3261 22, RFC 7616, RFC 8760): proves users whose HA1 is known, and makes the
// challenge for those who have not shown who they are. Whoever fails to prove it is left to src/auth, which says so and counts it.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/edit_list.h"
#include "core/home/digest.h"
#include "core/home/ha1_cache.h"
#include "core/home/login_guard.h"
#include "core/home/nonce_table.h"
#include "core/shard/ground.h"
#include "core/shard/turn.h"

namespace sluice {

// Set by the operator.
struct LoginSettings {
  uint64_t nonce_life = 0;                // ms
  std::vector<DigestAlgorithm> offered;   // in this order
};

class RegisterLogin {
 public:
  explicit RegisterLogin(Ground& ground) noexcept : ground_(ground), ha1s_(derive(ground.config.table_key, "HA1 cache")) {}

  // The shards share them; they outlive this.
  void use(NonceTable& nonces, LoginGuard& guard) noexcept;
  void configure(LoginSettings settings) { settings_ = std::move(settings); }
  // Until the users change.
  Ha1Cache& ha1s() noexcept { return ha1s_; }
  // As Ha1Cache::learn_lines(). `seconds`: how long they may be used; 0: until the users change.
  void learn(Text lines, uint32_t seconds) noexcept {
    const uint32_t until = seconds == 0 ? 0 : std::max(ground_.clock.tick() + seconds * Clock::kTicksPerSecond, 1u);
    ground_.counters.add(Counter::ha1s_forgotten, ha1s_.learn_lines(lines, until));
  }

  // Of a REGISTER for that address of record, or of another request whose From is an address of that realm. `proven` uses the credentials up.
  LoginState check(const Item& item, Text aor, const ServedDomains& domains) noexcept;

  // Header lines of a 401, one for each algorithm: some devices read the first line only, and choke on a list.
  void put_challenge(const Item& item, Text aor, bool stale, Writer& out) noexcept;
  size_t challenge_octets(Text aor) const noexcept { return settings_.offered.size() * (aor.size() + kChallengeOwn); }

 private:
  static constexpr size_t kChallengeOwn = 128 + kNonceText;

  bool offers(DigestAlgorithm algorithm) const noexcept;

  Ground& ground_;
  LoginSettings settings_;
  Ha1Cache ha1s_;
  LastHa2 ha2_;
  NonceTable* nonces_ = nullptr;
  LoginGuard* guard_ = nullptr;
};

}  // namespace sluice
