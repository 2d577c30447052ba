// REGISTERs decided by numbers, in a shard over sockets: the table, the journal, the responses, and the flows afterwards.
#include <sys/resource.h>

#include <csignal>

#include "bindings.h"
#include "core/base/wall_ms.h"
#include "core/home/binding_store.h"
#include "md5_text.h"
#include "shard_rig.h"

namespace sluice::registering_test {
using namespace test;

namespace {

constexpr Text kInstance = "urn:uuid:00000000-0000-1000-8000-00000000000a";

// Stands in for OpenSSL, which the core does not include.
class Turned final : public Sealer {
 public:
  bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept override {
    for (size_t i = 0; i < clear.size(); ++i) out[i] = static_cast<uint8_t>(clear[i]) ^ 0xFF;
    for (size_t i = 0; i < kTag; ++i) out[clear.size() + i] = iv[i % kIv];
    return true;
  }
};

std::shared_ptr<BindingStore> opened(const std::string& folder) {
  BindingStore::Opened opened = BindingStore::open(folder, {1'000, 1 << 20}, 0);
  CHECK(opened.store != nullptr);
  return std::move(opened.store);
}

struct Asked {
  int number = 1;  // of its transaction and CSeq
  int cseq = 0;    // unless 0, instead of `number`
  std::string contact = "<sip:bob@192.0.2.7>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000000000A>\"";
  std::string lines = "Supported: path, outbound\r\n";
  std::string transport = "UDP";
  std::string text() const {
    return "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/" + transport + " 10.0.0.1:5060;rport;branch=z9hG4bKr" + std::to_string(number) +
           "\r\nMax-Forwards: 70\r\nf: <sip:bob@example.com>;tag=1\r\nTO : <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: " + std::to_string(cseq == 0 ? number : cseq) +
           " REGISTER\r\nContact: " + contact + "\r\n" + lines + "Content-Length: 0\r\n\r\n";
  }
};

class RegistrarRig : public ShardRig {
 public:
  explicit RegistrarRig(const std::string& folder) : ShardRig([](EdgeConfig& config) { config.home = true; }), store(opened(folder)) {
    (*this)->registering().open(store, 0, std::make_unique<Turned>(), rows);
    configure(2);
    policy = [this](unsigned i, const int32_t* record, int32_t* verdict) {
      const int32_t* const row = rows + i * k_register_fields;
      states.push_back(static_cast<RegisterState>(row[kRegister_state]));
      whos.push_back(row[kRegister_who]);
      const bool is_read = states.back() == RegisterState::open || states.back() == RegisterState::answered;
      verdict[kVerdict_action] = static_cast<int32_t>(is_read ? Action::register_ : Action::object);
      verdict[kVerdict_target] = row[kRegister_asked] < 0 ? 3'600 : row[kRegister_asked];
      const auto flags = static_cast<uint32_t>(row[kRegister_flags]);
      verdict[kVerdict_edits] = static_cast<int32_t>(((flags & kAsk_flow) != 0 ? kGrant_outbound | kGrant_require_outbound : 0u) | ((flags & kAsk_supports_gruu) != 0 ? kGrant_gruu : 0u));
      verdict[kVerdict_flow_timer] = record[kRecord_from_core] ? 0 : 90;
      return true;
    };
  }
  void configure(uint32_t max_contacts, bool is_open = false) {
    RegisterSettings settings;
    settings.is_open = is_open;
    settings.domains.add("example.com", "example.com");
    settings.max_contacts = max_contacts;
    settings.max_flows = 2;
    settings.keep_seconds = 30;
    settings.supported = "path, outbound";
    (*this)->registering().configure(std::move(settings));
  }
  std::string ask(const Peer& peer, const Asked& asked) {
    peer.send(asked.text());
    return hear(peer, "\r\n\r\n");
  }
  std::vector<KeptBinding> bindings() { return lookup(store->table(), "sip:bob@example.com", 0); }

  std::shared_ptr<BindingStore> store;
  int32_t rows[k_batch_size * k_register_fields] = {};
  std::vector<RegisterState> states;
  std::vector<int32_t> whos;
};

// The Authorization line of bob, who has that password.
std::string authorization(const std::string& password, const std::string& nonce, const std::string& nc) {
  const std::string ha1 = md5_of("bob:example.com:" + password);
  const std::string response = md5_of(ha1 + ":" + nonce + ":" + nc + ":x:auth:" + md5_of("REGISTER:sip:example.com"));
  return "Authorization: Digest username=\"bob\", realm=\"example.com\", nonce=\"" + nonce + "\", uri=\"sip:example.com\", response=\"" + response +
         "\", algorithm=MD5, qop=auth, nc=" + nc + ", cnonce=\"x\"\r\n";
}

}  // namespace

TEST("REG-17 a registration behind an edge, its refresh and its removal: the 200 lists the bindings, and the journal already has them") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  asked.lines += "Path: <sip:tok@edge.example;lr;ob>\r\nUser-Agent: phone\r\n";
  const std::string first = rig.ask(edge, asked);
  const std::string port = std::to_string(edge.port());
  const std::string date = value_of(first, "Date");
  CHECK_EQ(date.size(), 29u);
  const std::string tag = first.substr(first.find(";tag=sl-") + 5, 15);
  CHECK_EQ(first, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKr1;rport=" + port + ";received=127.0.0.1\r\nf: <sip:bob@example.com>;tag=1\r\n"
                  "TO : <sip:bob@example.com>;tag=" + tag + "\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: " + asked.contact + ";expires=3600\r\n"
                  "Path: <sip:tok@edge.example;lr;ob>\r\nRequire: outbound\r\nSupported: path, outbound\r\nDate: " + date + "\r\nContent-Length: 0\r\n\r\n");
  CHECK_EQ(rig.bindings().size(), 1u);
  KeptBinding kept = rig.bindings().front();
  CHECK_EQ(kept[Part::key], "f1 " + std::string(kInstance));
  CHECK_EQ(kept[Part::path], "28:<sip:tok@edge.example;lr;ob>");
  CHECK_EQ(kept[Part::flow], "");
  CHECK_EQ(kept[Part::agent], "phone");
  CHECK_EQ(kept.expires - kept.updated, 3'600'000u);
  // The bindings that another process would read from the journal now.
  const auto in_journal = [&] {
    StoredFiles files;
    CHECK_EQ(files.find(folder.path()), 0);
    SipKey key;
    CHECK(files.key(key));
    BindingTable table(key, {1'000, 1 << 20}, 0);
    files.replay(table);
    return lookup(table, "sip:bob@example.com", 0);
  };
  CHECK_EQ(in_journal().size(), 1u);
  asked.number = 2;
  CHECK(holds(rig.ask(edge, asked), "200 OK"));
  CHECK_EQ(in_journal().front().cseq, 2u);
  asked.number = 3;
  asked.lines += "Expires: 0\r\n";
  CHECK(!holds(rig.ask(edge, asked), "Contact:"));
  CHECK(rig.bindings().empty());
  CHECK(in_journal().empty());
  CHECK_EQ(rig.count(Counter::registers_by_numbers), 3);
  CHECK_EQ(rig.count(Counter::registers_by_objects), 0);
  CHECK_EQ(rig.count(Counter::responses_2xx), 3);
}

TEST("TX-8 a retransmission is answered again with the same To tag and changes nothing; a late REGISTER is refused") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  asked.number = 5;
  const std::string first = rig.ask(edge, asked);
  const uint64_t lsn = rig.store->table().next_lsn();
  CHECK_EQ(value_of(rig.ask(edge, asked), "TO "), value_of(first, "TO "));
  CHECK_EQ(rig.store->table().next_lsn(), lsn);
  CHECK(rig.states.back() == RegisterState::answered);
  asked.number = 6;
  asked.cseq = 5;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 500 CSeq Out Of Order\r\n"));
  // Once forgotten, it is a request like any other.
  rig.pass(40'000);
  asked.number = 5;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 500 CSeq Out Of Order\r\n"));
}

TEST("TX-8 a client's first REGISTER, which makes its address a flow, and its retransmission get the same response") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Asked asked;
  const std::string first = rig.ask(client, asked);
  CHECK(holds(first, "SIP/2.0 200 OK\r\n"));
  CHECK(rig.at(rig.flow(FlowKind::udp))->flags & kFlow_registered);
  const std::string again = rig.ask(client, asked);
  CHECK(holds(again, "SIP/2.0 200 OK\r\n"));
  CHECK_EQ(value_of(again, "TO "), value_of(first, "TO "));
  CHECK(rig.states.back() == RegisterState::answered);
  CHECK_EQ(rig.bindings().size(), 1u);
}

TEST("TX-8 what differs from an answered REGISTER only in its To is another request, and shows nobody's bindings without being decided on") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  const Asked asked;
  CHECK(holds(rig.ask(client, asked), "200 OK"));
  std::string other = asked.text();
  const std::string to = "TO : <sip:bob@example.com>";
  other.replace(other.find(to), to.size(), "TO : <sip:ann@example.com>");
  const size_t decided = rig.states.size();
  client.send(other);
  CHECK(holds(rig.hear(client, "\r\n\r\n"), "TO : <sip:ann@example.com>"));
  CHECK(rig.states.size() > decided && rig.states.back() == RegisterState::open);
}

TEST("TX-8 a retransmission in the batch of its request gets the same response") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  const Asked asked;
  edge.send(asked.text());
  edge.send(asked.text());
  CHECK_EQ(rig->collect(), 2u);
  rig.decide(2);
  rig->execute();
  const std::string both = edge.drain();
  CHECK_EQ(count_of(both, "SIP/2.0 200 OK\r\n"), 2u);
  CHECK_EQ(both.substr(0, both.size() / 2), both.substr(both.size() / 2));
  CHECK_EQ(rig.bindings().size(), 1u);
}

TEST("TX-8 a retransmission of a request on the object path goes there") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  const auto readable = rig.policy;
  rig.policy = [](unsigned, const int32_t*, int32_t* verdict) {
    verdict[kVerdict_action] = static_cast<int32_t>(Action::object);
    return true;
  };
  edge.send(asked.text());
  CHECK(rig.until([&] { return rig.count(Counter::registers_by_objects) == 1; }));
  rig.policy = readable;
  edge.send(asked.text());
  CHECK(rig.until([&] { return rig.count(Counter::registers_by_objects) == 2; }));
  CHECK(rig.states.back() == RegisterState::held);
  CHECK(rig.bindings().empty());
}

TEST("REG-24 beyond the limit of Contacts: 403, and nothing changes") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  rig.ask(edge, asked);
  asked.number = 2;
  asked.contact = "<sip:bob@192.0.2.8>";
  CHECK_EQ(count_of(rig.ask(edge, asked), "\r\nContact: "), 2u);
  asked.number = 3;
  asked.contact = "<sip:bob@192.0.2.9>";
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 403 Too Many Contacts\r\n"));
  CHECK_EQ(rig.bindings().size(), 2u);
  // A refusal is not remembered: the retransmission is tried again.
  rig.configure(3);
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 200 OK\r\n"));
}

TEST("a client's flow is bound: it is supervised, and its end is reported") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  Asked asked;
  asked.transport = "TCP";
  const std::string answer = rig.ask(client, asked);
  CHECK(holds(answer, "\r\nFlow-Timer: 90\r\n"));
  const FlowHandle flow = rig.flow(FlowKind::stream);
  CHECK(rig.at(flow)->flags & kFlow_registered);
  const std::string id = "s/1/0/7/" + std::to_string(flow.slot) + "/" + std::to_string(flow.generation);
  CHECK_EQ(rig.bindings().front()[Part::flow], id);
  CHECK_EQ(rig.count(Counter::registers_in), 1);
  CHECK_EQ(rig.count(Counter::registers_ok), 1);
  client.close();
  CHECK(rig.until([&] { return !rig->object_events().empty(); }));
  CHECK_EQ(rig->object_events().take(SIZE_MAX).front().text, id);
}

TEST("TR-24 a client that has closed its side still gets its response, then the connection closes") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  Asked asked;
  asked.transport = "TCP";
  client.send(asked.text());
  client.half_close();
  CHECK(holds(rig.hear(client, "<EOF>"), "SIP/2.0 200 OK"));
}

TEST("REG-20 the disk refuses the journal: 503 with Retry-After, and nothing is saved until it recovers") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 64;
  setrlimit(RLIMIT_FSIZE, &small);
  Asked asked;
  const std::string refused = rig.ask(edge, asked);
  asked.number = 2;
  const std::string again = rig.ask(edge, asked);
  setrlimit(RLIMIT_FSIZE, &before);
  for (const std::string& answer : {refused, again}) {
    CHECK(holds(answer, "SIP/2.0 503 Service Unavailable\r\n"));
    const int seconds = std::atoi(value_of(answer, "Retry-After").c_str());
    CHECK(seconds >= 5 && seconds < 15);
  }
  CHECK(rig.until([&] { return rig.store->counts().fault == 0; }));
  asked.number = 3;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 200 OK\r\n"));
}

TEST("a full table gets 503, and REGISTERs take the object path for a second, which tells the operator") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  std::vector<KeptBinding> others;
  for (int i = 0; i < 1'000; ++i) {
    others.assign(1, plain_binding("192.0.2.1", UINT64_MAX / 2));
    CHECK(save(rig.store->table(), operation("sip:u" + std::to_string(i) + "@example.com", 1, others)) == Outcome::saved);
  }
  Asked asked;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 503 Service Unavailable\r\n"));
  asked.number = 2;
  edge.send(asked.text());
  CHECK(rig.until([&] { return rig.count(Counter::registers_by_objects) == 1; }));
  CHECK(rig.states.back() == RegisterState::unread);
  rig.pass(1'100);
  asked.number = 3;
  CHECK(holds(rig.ask(edge, asked), "SIP/2.0 503 Service Unavailable\r\n"));
}

TEST("REG-24 an open registrar: a source that has used up its share of bindings gets 503, clients behind one edge have a share each, and the fast path goes on") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  rig.configure(1'000, true);
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  for (int i = 0; i < 500; ++i) {
    const std::vector<KeptBinding> others{plain_binding("192.0.2.1", UINT64_MAX / 2)};
    CHECK(save(rig.store->table(), operation("sip:u" + std::to_string(i) + "@example.com", 1, others)) == Outcome::saved);
  }
  Asked asked;
  const auto behind = [&](const std::string& client, int i) {
    asked.number = i;
    asked.contact = "<sip:bob@192.0.2.7:" + std::to_string(i) + ">";
    asked.lines = "v: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx;received=" + client + "\r\n";
    return rig.ask(edge, asked);
  };
  for (int i = 1; i <= 125; ++i) CHECK(holds(behind("198.51.100.1", i), "200 OK"));
  CHECK(holds(behind("198.51.100.1", 126), "SIP/2.0 503 Service Unavailable\r\n"));
  CHECK_EQ(rig.count(Counter::bindings_refused), 1);
  CHECK(holds(behind("198.51.100.2", 127), "200 OK"));
  asked.lines.clear();
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  asked.number = 128;
  CHECK(holds(rig.ask(client, asked), "200 OK"));
  CHECK_EQ(rig.count(Counter::registers_by_objects), 0);
}

TEST("a source that may be forged gets the Contact it registered, and as many others as its account allows") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  rig.configure(100);
  std::vector<KeptBinding> others;
  for (int i = 0; i < 60; ++i) others.push_back(plain_binding("host" + std::to_string(i) + std::string(60, 'x') + ".example", UINT64_MAX / 2));
  RegisterOperation many = operation("sip:bob@example.com", 1, others);
  CHECK(save(rig.store->table(), many) == Outcome::saved);
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  Asked asked;
  asked.number = 9;
  asked.lines += "Subject: " + std::string(900, 's') + "\r\n";
  const std::string answer = rig.ask(client, asked);
  CHECK(holds(answer, "reg-id=1"));
  CHECK(answer.find("reg-id=1") < answer.find("host0"));
  CHECK(answer.size() <= 3 * asked.text().size() + 2'048);
  CHECK_EQ(rig.bindings().size(), 61u);
}

TEST("GRUU-5.1-1 a device that supports GRUUs gets those of its bindings") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  asked.lines = "k: outbound\r\nSupported: gruu\r\n";
  const std::string contact = value_of(rig.ask(edge, asked), "Contact");
  CHECK(holds(contact, ";expires=3600;pub-gruu=\"sip:bob@example.com;gr=" + std::string(kInstance) + "\";temp-gruu=\"sip:tgruu."));
  CHECK_EQ(contact.substr(contact.size() - 16), "@example.com;gr\"");
  asked.number = 2;
  CHECK(value_of(rig.ask(edge, asked), "Contact") != contact);
}

TEST("all REGISTERs of one address have the same `who`, other requests have none") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  const Peer edge = Peer::udp(rig.port(ShardRig::kCoreUdp));
  Asked asked;
  rig.ask(edge, asked);
  asked.number = 2;
  asked.contact = "*";
  edge.send(asked.text());
  CHECK(rig.until([&] { return rig.whos.size() == 2; }));
  CHECK(rig.states.back() == RegisterState::unread);
  edge.send(Request{.method = "OPTIONS", .number = 3}.text());
  CHECK(rig.until([&] { return rig.whos.size() == 3; }));
  CHECK(rig.whos[0] != 0);
  CHECK_EQ(rig.whos[0], rig.whos[1]);
  CHECK_EQ(rig.whos[2], 0);
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

TEST("AU-9 AU-17 credentials are proved once, with the right password, from where the nonce went, and not while their user is locked out") {
  const TemporaryFolder folder;
  RegistrarRig rig(folder.path());
  Registering& registering = (*rig).registering();
  Logins logins(registering);
  uint8_t ha1[kMd5Size];
  const std::string secret = "bob:example.com:secret";
  md5(secret.data(), secret.size(), ha1);
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
  registering.login().ha1s().learn("bob", "example.com", DigestAlgorithm::md5, ha1);
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
  uint8_t ha1[kMd5Size];
  const std::string secret = "bob:example.com:secret";
  md5(secret.data(), secret.size(), ha1);
  registering.login().ha1s().learn("bob", "example.com", DigestAlgorithm::md5, ha1);
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

}  // namespace sluice::registering_test
