#include "core/shard/register_login.h"

#include <algorithm>

#include "core/base/wall_ms.h"
#include "core/shard/claimant.h"

namespace sluice {
namespace {

Address claimant_of(const Item& item) noexcept {
  Address client;
  find_client(item, client);
  return client;
}

constexpr size_t kMaxLoginName = 1'024;

// The user's realm is the domain of the address.
Text realm_of(Text aor) noexcept { return aor.substr(aor.rfind('@') + 1); }

}  // namespace

void RegisterLogin::use(NonceTable& nonces, LoginGuard& guard) noexcept {
  nonces_ = &nonces;
  guard_ = &guard;
}

bool RegisterLogin::offers(DigestAlgorithm algorithm) const noexcept {
  return std::find(settings_.offered.begin(), settings_.offered.end(), algorithm) != settings_.offered.end();
}

LoginState RegisterLogin::check(const Item& item, Text aor, const ServedDomains& domains) noexcept {
  if (nonces_ == nullptr || settings_.offered.empty()) return LoginState::left;
  const Text realm = realm_of(aor);
  if (item.message.line(credentials_header(item.message)) == nullptr) return LoginState::missing;
  DigestCredentials credentials;
  if (!read_credentials(item.message, credentials) || !offers(credentials.algorithm) || credentials.realm != realm) return LoginState::left;
  char room[kMaxLoginName];
  Writer writer(room, sizeof room);
  writer.put(credentials.user);
  writer.put('\n');
  writer.put(realm);
  if (writer.full()) return LoginState::left;
  const Text name = writer.text();
  const Address client = claimant_of(item);
  const uint64_t user = ha1s_.expect(credentials.user, realm, credentials.algorithm), pair = guard_->expect(client, name);
  const NonceClaim nonce = nonces_->expect(credentials.nonce, name);
  if (!are_for(credentials, item.message, domains, item.source.from_core)) return LoginState::left;
  const uint8_t* const ha1 = ha1s_.find(user, ground_.clock.tick());
  __builtin_prefetch(ha1);
  const uint64_t now = wall_ms();
  const auto seconds = static_cast<uint32_t>(now / 1'000);
  if (!nonces_->is_fresh(nonce, realm, client, now, settings_.nonce_life)) return LoginState::stale;
  if (ha1 == nullptr) return LoginState::unknown;
  if (!guard_->may_try(pair, client, name, seconds) || !proves_ha1(credentials, ha1, ha2_) || !nonces_->use(nonce, credentials.count)) return LoginState::left;
  guard_->proved(pair, client, seconds);
  ground_.counters.add(Counter::logins_accepted);
  // Only this client got the nonce. Behind a neighbour it gets no datagrams from us, so it needs no account.
  if (!item.source.from_core) ground_.commons.answers.heard_us(client);
  return LoginState::proven;
}

void RegisterLogin::put_challenge(const Item& item, Text aor, bool stale, Writer& out) noexcept {
  const Text realm = realm_of(aor);
  char nonce[kNonceText];
  nonces_->make(realm, claimant_of(item), wall_ms(), nonce);
  for (const DigestAlgorithm algorithm : settings_.offered) {
    out.put("WWW-Authenticate: Digest realm=\"");
    out.put(realm);
    out.put("\", nonce=\"");
    out.put(Text(nonce, kNonceText));
    out.put(stale ? "\", stale=true, algorithm=" : "\", algorithm=");
    out.put(algorithm == DigestAlgorithm::md5 ? "MD5" : "SHA-256");
    out.put(", qop=\"auth\"\r\n");
  }
}

}  // namespace sluice
