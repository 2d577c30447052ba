// REGISTERs that log in by numbers: credentials, their retransmission, and challenges.
#include "core/base/wall_ms.h"
#include "md5_text.h"
#include "registrar_rig.h"

namespace sluice::register_login_test {
using namespace registering_test;

namespace {

// The Authorization line of bob, who has that password.
std::string authorization(const std::string& password, const std::string& nonce, const std::string& nc) {
  const std::string ha1 = md5_of("bob:example.com:" + password);
  const std::string response = md5_of(ha1 + ":" + nonce + ":" + nc + ":x:auth:" + md5_of("REGISTER:sip:example.com"));
  return "Authorization: Digest username=\"bob\", realm=\"example.com\", nonce=\"" + nonce + "\", uri=\"sip:example.com\", response=\"" + response +
         "\", algorithm=MD5, qop=auth, nc=" + nc + ", cnonce=\"x\"\r\n";
}

// What the store of credentials says of him.
void learn_bob(Registering& registering) {
  const std::string user = "bob:example.com:secret";
  uint8_t ha1[kMd5Size];
  md5(user.data(), user.size(), ha1);
  registering.login().ha1s().learn("bob", "example.com", DigestAlgorithm::md5, ha1);
}

// What the process has for authentication, and a shard that asks for it.
struct Logins {
  explicit Logins(Registering& registering) {
    registering.login().use(nonces, guard);
    registering.login().configure({60'000, {DigestAlgorithm::sha256, DigestAlgorithm::md5}});
  }

  const uint8_t seed[64] = {7};
  NonceTable nonces{seed, wall_ms() - 1'000};
  LoginGuard guard{SipKey{}};
};

}  // namespace

TEST("AU-9 AU-17 credentials are proved once, with the right password, from where the nonce went, and not while their user is locked out") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  Registering& registering = (*rig).registering();
  Logins logins(registering);
  LoginState login = LoginState::left;
  rig.policy = [&, decide = rig.policy](unsigned i, const int32_t* record, int32_t* verdict) {
    login = registering.check_login(i);
    return decide(i, record, verdict);
  };
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  // The edge's Via comes first, then that of its client.
  std::string client = "192.0.2.7";
  const auto proves = [&](const std::string& lines) {
    ++asked.number;
    asked.lines = "Via: SIP/2.0/UDP " + client + ";branch=z9hG4bKc\r\n" + lines;
    rig.ask(edge, asked);
    return login == LoginState::proven;
  };
  const auto nonce_for = [&](const char* ip) {
    Address address;
    CHECK(parse_ip(ip, address));
    char text[kNonceText];
    logins.nonces.make("example.com", address, wall_ms(), text);
    return std::string(text, kNonceText);
  };
  const std::string nonce = nonce_for("192.0.2.7");
  // Until somebody has taught the HA1, nothing is proved here.
  CHECK(!proves(authorization("secret", nonce, "00000001")));
  CHECK(login == LoginState::unknown);
  learn_bob(registering);
  CHECK(proves(authorization("secret", nonce, "00000001")));
  CHECK(!proves(authorization("secret", nonce, "00000001")));
  CHECK(proves(authorization("secret", nonce, "00000002")));
  CHECK(!proves(authorization("guess", nonce, "00000003")));
  CHECK(login == LoginState::left);
  CHECK(!proves(authorization("secret", nonce_for("198.51.100.9"), "00000001")));
  CHECK(login == LoginState::stale);
  CHECK(!proves(""));
  CHECK(login == LoginState::missing);
  // From a network where bob has never logged in, and after too many guesses at his password.
  client = "198.51.100.9";
  const std::string elsewhere = nonce_for("198.51.100.9");
  Address guesser;
  CHECK(parse_ip("203.0.113.1", guesser));
  for (uint32_t guess = 0; guess <= LoginGuard::kUserBurst; ++guess) logins.guard.failed(guesser, "bob\nexample.com", static_cast<uint32_t>(wall_ms() / 1'000));
  CHECK(!proves(authorization("secret", elsewhere, "00000001")));
  client = "192.0.2.7";
  CHECK(proves(authorization("secret", nonce, "00000003")));
  registering.login().ha1s().forget();
  CHECK(!proves(authorization("secret", nonce, "00000004")));
}

TEST("TX-8 AU-9 a REGISTER with credentials and its retransmission in one batch: the same response, also if it is a refusal, and no login fails") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  Registering& registering = (*rig).registering();
  Logins logins(registering);
  learn_bob(registering);
  std::vector<LoginState> found;
  rig.policy = [&, decide = rig.policy](unsigned i, const int32_t* record, int32_t* verdict) {
    found.push_back(registering.check_login(i));
    return decide(i, record, verdict);
  };
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  Address address;
  CHECK(parse_ip("127.0.0.1", address));
  char nonce[kNonceText];
  logins.nonces.make("example.com", address, wall_ms(), nonce);
  Asked asked;
  asked.lines = authorization("secret", std::string(nonce, kNonceText), "00000001");
  // The copy names another Contact: it is a retransmission all the same, and saves nothing.
  Asked copy = asked;
  copy.contact = "<sip:mallory@192.0.2.66>";
  const auto both_of = [&](const Asked& first, const Asked& second) {
    found.clear();
    client.send(first.text());
    client.send(second.text());
    CHECK_EQ(rig->collect(), 2u);
    rig.decide(2);
    rig->execute();
    CHECK((found == std::vector<LoginState>{LoginState::proven, LoginState::proven}));
    return client.drain();
  };
  CHECK_EQ(count_of(both_of(asked, copy), "SIP/2.0 200 OK\r\n"), 2u);
  CHECK_EQ(rig.bindings().size(), 1u);
  CHECK_EQ(rig.count(Counter::logins_accepted), 1);
  rig.configure(1);
  asked.number = copy.number = 2;
  asked.contact = "<sip:bob@192.0.2.9>";
  copy.contact = "<sip:bob@192.0.2.7>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000000000A>\"";
  asked.lines = copy.lines = authorization("secret", std::string(nonce, kNonceText), "00000002");
  CHECK_EQ(count_of(both_of(asked, copy), "SIP/2.0 403 Too Many Contacts\r\n"), 2u);
  CHECK_EQ(rig.bindings().size(), 1u);
  CHECK_EQ(rig.bindings().front().cseq, 1u);
  // Over a connection nothing is retransmitted.
  const Peer stream = Peer::tcp(rig.port(ShardRig::kClientTcp));
  asked.transport = "TCP";
  asked.number = 3;
  asked.lines = authorization("secret", std::string(nonce, kNonceText), "00000003");
  found.clear();
  stream.send(asked.text() + asked.text());
  CHECK(rig.until([&] { return found.size() == 2; }));
  CHECK((found == std::vector<LoginState>{LoginState::proven, LoginState::left}));
}

TEST("AU-1 AU-2 AU-5 a challenge by numbers has a line for each algorithm, in the order of the configuration, and a fresh nonce; it changes nothing") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  Logins logins((*rig).registering());
  uint32_t grant = kGrant_challenge;
  rig.policy = [&, decide = rig.policy](unsigned i, const int32_t* record, int32_t* verdict) {
    const auto result = decide(i, record, verdict);
    verdict[kVerdict_edits] = static_cast<int32_t>(grant);
    return result;
  };
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  const std::string first = rig.ask(edge, asked);
  CHECK(holds(first, "SIP/2.0 401 Unauthorized\r\n"));
  const size_t sha = first.find("WWW-Authenticate: Digest realm=\"example.com\", nonce=\""), md5 = first.rfind("WWW-Authenticate: ");
  CHECK(sha != std::string::npos && sha < md5);
  CHECK(holds(first.substr(sha, md5 - sha), "\", algorithm=SHA-256, qop=\"auth\"\r\n"));
  CHECK(holds(first.substr(md5), "\", algorithm=MD5, qop=\"auth\"\r\n"));
  Address client;
  CHECK(parse_ip("127.0.0.1", client));
  const size_t at = first.find("nonce=\"") + 7;
  CHECK(logins.nonces.is_fresh(Text(first).substr(at, kNonceText), "example.com", client, wall_ms(), 60'000));
  CHECK_EQ(rig.store->table().bindings(), 0u);
  grant = kGrant_stale_challenge;
  asked.number = 2;
  CHECK(holds(rig.ask(edge, asked), "\", stale=true, algorithm=MD5"));
}

}  // namespace sluice::register_login_test
