// What a hostile client may send after its handshake. Each attack runs twice, against records of our own and against OpenSSL's: both must read the
// same, send the same alerts and end in the same way, except where the table says what OpenSSL does and why we do not.
#include <functional>

#include "tls_rig.h"

namespace sluice::record_hostile_test {
using namespace test;

namespace {

using Wires = std::vector<std::string>;

struct Attack {
  const char* name;
  const char* outcome;     // plaintext| what the server sends| result, in TLS 1.3
  const char* outcome_12;  // the same in TLS 1.2; nullptr: it is an attack on TLS 1.3
  std::function<Wires(Forger&)> wires;
  const char* openssl = nullptr;     // what OpenSSL may do instead
  const char* openssl_12 = nullptr;
};

std::string flipped(std::string record, size_t at) {
  record[at < record.size() ? at : record.size() - 1] ^= 1;
  return record;
}

std::string head(int type, int version, size_t length) {
  return {static_cast<char>(type), static_cast<char>(version >> 8), static_cast<char>(version), static_cast<char>(length >> 8), static_cast<char>(length)};
}

std::string in_clear(int type, const std::string& body) { return head(type, 0x0303, body.size()) + body; }

const std::string kClientHello("\1\0\0\0", 4);
const std::string kKeyUpdate("\x18\0\0\1\0", 5);
constexpr const char* kMac = "| alert 2/20| failed";
constexpr const char* kInternal = "| alert 2/80| failed";  // OpenSSL's word for a record of TLS 1.2 that cannot be one
constexpr const char* kUnexpected = "| alert 2/10| failed";

const std::vector<Attack>& attacks() {
  static const std::vector<Attack> all = {
      {"data", "a| | ok", "a| | ok", [](Forger& f) { return Wires{f.data("a")}; }},
      {"a bit of the text", kMac, kMac, [](Forger& f) { return Wires{flipped(f.data("abc"), 14)}; }},
      {"a bit of the first octet of the body", kMac, kMac, [](Forger& f) { return Wires{flipped(f.data("abc"), 5)}; }},
      {"a bit of the tag", kMac, kMac, [](Forger& f) { return Wires{flipped(f.data("abc"), 999)}; }},
      {"a replayed record", "abc| alert 2/20| failed", "abc| alert 2/20| failed", [](Forger& f) { const auto r = f.data("abc"); return Wires{r, r}; }},
      {"a record left out", kMac, kMac, [](Forger& f) { (void)f.data("abc"); return Wires{f.data("d")}; }},
      {"records exchanged", kMac, kMac, [](Forger& f) { const auto first = f.data("1"); return Wires{f.data("2"), first}; }},
      {"a shorter length in the head", kMac, kMac, [](Forger& f) { auto r = f.data("abcdef"); r[4] = static_cast<char>(r[4] - 1); return Wires{r}; }},
      {"no octets", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 0)}; }, nullptr, kInternal},
      {"one octet", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 1) + "x"}; }, nullptr, kInternal},
      {"less than a tag", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 15) + std::string(15, 'x')}; }, nullptr, kInternal},
      {"a tag and nothing else", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 16) + std::string(16, 'x')}; }, nullptr, kInternal},
      {"23 octets", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 23) + std::string(23, 'x')}; }, nullptr, kInternal},
      {"2^14 octets of rubbish", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 16384) + std::string(16384, 'x')}; }},
      {"2^14 + 256 octets of rubbish", kMac, kMac, [](Forger&) { return Wires{head(23, 0x0303, 16640) + std::string(16640, 'x')}; }},
      {"2^14 + 257 octets", "| alert 2/22| failed", nullptr, [](Forger&) { return Wires{head(23, 0x0303, 16641)}; }},
      {"2^14 + 2049 octets", "| alert 2/22| failed", "| alert 2/22| failed", [](Forger&) { return Wires{head(23, 0x0303, 18433)}; }},
      {"65535 octets", "| alert 2/22| failed", "| alert 2/22| failed", [](Forger&) { return Wires{head(23, 0x0303, 65535)}; }},
      {"all of 2^14 octets", "16384 y| | ok", "16384 y| | ok", [](Forger& f) { return Wires{f.data(std::string(16384, 'y'))}; }},
      {"TLS 1.0 in the head", kMac, nullptr, [](Forger& f) { auto r = f.data("abc"); r[2] = 1; return Wires{r}; },
       "| alert 2/50| failed"},  // RFC 8446 5.1: the version there must be ignored, but the tag protects it
      {"TLS 1.1 in the head of TLS 1.2, a bit of the body of TLS 1.3", kMac, "| alert 2/70| failed", [](Forger& f) { return Wires{flipped(f.data("abc"), f.state.version == kTls13 ? 6 : 2)}; }},
      {"HTTP in clear", "", "", [](Forger&) { return Wires{"GET / HTTP/1.0\r\n\r\n"}; }},
      {"an alert in clear", kUnexpected, kMac, [](Forger&) { return Wires{in_clear(21, "\2\x28")}; }, nullptr, kInternal},
      {"ChangeCipherSpec in clear", kUnexpected, kMac, [](Forger&) { return Wires{in_clear(20, "\1")}; }, nullptr, kInternal},
      {"a handshake message in clear", kUnexpected, kMac, [](Forger&) { return Wires{in_clear(22, kClientHello)}; }, nullptr, kInternal},
      {"a type that does not exist", kUnexpected, kUnexpected, [](Forger&) { return Wires{in_clear(99, std::string(32, 'x'))}; }, nullptr, kMac},
      {"sealed ChangeCipherSpec", kUnexpected, kUnexpected, [](Forger& f) { return Wires{f.seal(ContentType::change_cipher_spec, "\1")}; }},
      {"sealed heartbeat", kUnexpected, kUnexpected, [](Forger& f) { return Wires{f.seal(static_cast<ContentType>(24), "abc")}; }},
      {"32 empty records, then data", "a| | ok", "a| | ok", [](Forger& f) { Wires all; for (int i = 0; i < 32; ++i) all.push_back(f.data("")); all.push_back(f.data("a")); return all; }},
      {"33 empty records", kUnexpected, kUnexpected, [](Forger& f) { Wires all; for (int i = 0; i < 33; ++i) all.push_back(f.data("")); return all; }},
      {"an empty alert", kUnexpected, kUnexpected, [](Forger& f) { return Wires{f.seal(ContentType::alert, "")}; }},
      {"half an alert", kUnexpected, kUnexpected, [](Forger& f) { return Wires{f.seal(ContentType::alert, "\2")}; }},
      {"two alerts in a record", kUnexpected, kUnexpected, [](Forger& f) { return Wires{f.seal(ContentType::alert, std::string("\1\x5a\1\x5a", 4))}; }},
      {"a fatal alert", "| | failed", "| | failed", [](Forger& f) { return Wires{f.alert(2, 40)}; }},
      {"an unknown alert", "| | failed", "| | ok", [](Forger& f) { return Wires{f.alert(1, 41)}; }},
      {"close_notify", "a| | closed", "a| | closed", [](Forger& f) { return Wires{f.data("a"), f.alert(1, 0)}; }},
      {"user_canceled, data and close_notify", "a| | closed", "a| | closed", [](Forger& f) { return Wires{f.alert(1, 90), f.data("a"), f.alert(1, 0)}; }},
      {"five warnings", kUnexpected, kUnexpected, [](Forger& f) { Wires all; for (int i = 0; i < 5; ++i) all.push_back(f.alert(1, 90)); return all; }},
      {"ClientHello", kUnexpected, "| alert 1/100| ok", [](Forger& f) { return Wires{f.seal(ContentType::handshake, kClientHello)}; }},
      {"padding", "pad| | ok", nullptr, [](Forger& f) { return Wires{f.seal_inner("pad\x17" + std::string(199, '\0'))}; }},
      {"padding and no text", "| | ok", nullptr, [](Forger& f) { return Wires{f.seal_inner("\x17" + std::string(199, '\0'))}; }},
      {"nothing but zeros", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal_inner(std::string(200, '\0'))}; }},
      {"nothing at all", kMac, nullptr, [](Forger& f) { return Wires{f.seal_inner("")}; }},
      {"2^14 octets with padding", "16384 y| | ok", nullptr, [](Forger& f) { return Wires{f.seal_inner(std::string(16384, 'y') + "\x17" + std::string(200, '\0'))}; }},
      {"2^14 + 1 octets", "| alert 2/22| failed", nullptr, [](Forger& f) { return Wires{f.seal_inner(std::string(16385, 'y') + "\x17")}; }},
      {"KeyUpdate, then data", "b| | ok", nullptr, [](Forger& f) { const auto u = f.key_update(0); return Wires{u, f.data("b")}; }},
      {"KeyUpdate that asks, then data", "b| KeyUpdate 0| ok", nullptr, [](Forger& f) { const auto u = f.key_update(1); return Wires{u, f.data("b")}; },
       "b| | ok"},  // OpenSSL waits until it has something to say
      {"KeyUpdate, then data with the old key", kMac, nullptr, [](Forger& f) { const auto u = f.key_update(0, false); return Wires{u, f.data("b")}; }},
      {"KeyUpdate in five pieces", "b| | ok", nullptr, [](Forger& f) {
         Wires all;
         for (const char octet : kKeyUpdate.substr(0, 4)) all.push_back(f.seal(ContentType::handshake, std::string(1, octet)));
         Forger before = f;
         (void)f.key_update(0);
         all.push_back(before.seal(ContentType::handshake, std::string(1, '\0')));
         all.push_back(f.data("b"));
         return all;
       }},
      {"data inside a KeyUpdate", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, kKeyUpdate.substr(0, 2)), f.data("b")}; }},
      {"an alert inside a KeyUpdate", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, kKeyUpdate.substr(0, 4)), f.alert(1, 0)}; },
       "| | closed"},  // RFC 8446 5.1: a handshake message must not be interleaved with other records
      {"KeyUpdate with a value of 2", "| alert 2/47| failed", nullptr, [](Forger& f) { return Wires{f.key_update(2)}; }},
      {"KeyUpdate of two octets", "| alert 2/50| failed", nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, std::string("\x18\0\0\2\0\0", 6))}; },
       "| alert 2/47| failed"},  // RFC 8446 6.2: a length that is wrong is a decode_error
      {"two KeyUpdates in a record", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, kKeyUpdate + kKeyUpdate)}; }},
      {"KeyUpdate with an octet after it", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, kKeyUpdate + "\x18")}; }},
      {"an empty handshake record", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, "")}; }},
      {"Finished once more", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, std::string("\x14\0\0\x20", 4) + std::string(32, 'f'))}; }},
      {"a session ticket from a client", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, std::string("\4\0\0\5", 4) + std::string(5, 't'))}; }},
      {"a certificate that nobody asked for", kUnexpected, nullptr, [](Forger& f) { return Wires{f.seal(ContentType::handshake, std::string("\x0b\0\0\4", 4) + std::string(4, '\0'))}; }},
  };
  return all;
}

// Runs of the same octet are shortened, so that an outcome can be written down.
std::string shown(const std::string& plain) {
  return plain.size() > 1000 && plain.find_first_not_of(plain[0]) == std::string::npos ? std::to_string(plain.size()) + " " + plain[0] : plain;
}

std::string outcome(const TlsSetup& setup, bool own, bool together, const Attack& attack) {
  std::string fault;
  const auto provider = make_tls_provider(test_material(own, setup.rsa), fault);
  TlsClient client(setup);
  TlsServer server(provider->accept());
  const std::string flight = shake_hands(client, server);
  CHECK_EQ(server.has_own_records(), own);
  Forger forger{client.records(count_records(flight))};
  Wires wires = attack.wires(forger);
  if (together) {
    std::string all;
    for (const std::string& wire : wires) all += wire;
    wires = {all};
  }
  std::string plain, sent;
  TlsResult result = TlsResult::ok;
  for (const std::string& wire : wires) {
    const Heard heard = server.receive(wire);
    plain += heard.plain;
    sent += heard.sent;
    result = heard.result;
    if (result == TlsResult::failed) break;
  }
  if (result == TlsResult::failed) {
    std::vector<char> out;
    CHECK(!server.session().send("x", out));
    CHECK(!server.session().fault().empty());
  }
  const std::string said = forger.read(sent);
  return shown(plain) + "| " + said + "| " + (result == TlsResult::ok ? "ok" : result == TlsResult::closed ? "closed" : "failed");
}

}  // namespace

TEST("records that a hostile client makes have the outcome that they have with OpenSSL") {
  for (const TlsSetup& setup : tls_setups()) {
    for (const Attack& attack : attacks()) {
      const char* const wanted = setup.version == TLS1_3_VERSION ? attack.outcome : attack.outcome_12;
      if (wanted == nullptr) continue;
      for (const bool together : {false, true}) {
        const std::string own = outcome(setup, true, together, attack);
        const std::string openssl = outcome(setup, false, together, attack);
        const char* const other = setup.version == TLS1_3_VERSION ? attack.openssl : attack.openssl_12;
        if (openssl != own && (other == nullptr || openssl != other)) test::fail(__FILE__, __LINE__, std::string(setup.name) + ", " + attack.name + ": '" + own + "', OpenSSL: '" + openssl + "'");
        else if (*wanted != '\0' && own != wanted) test::fail(__FILE__, __LINE__, std::string(setup.name) + ", " + attack.name + ": '" + own + "' is not '" + wanted + "'");
      }
    }
  }
}

TEST("a peer that updates its keys again and again is cut off, one that does so after some records is not") {
  const TlsSetup& setup = tls_setups()[0];
  std::string fault;
  const auto provider = make_tls_provider(test_material(true), fault);
  for (const bool hasty : {true, false}) {
    TlsClient client(setup);
    TlsServer server(provider->accept());
    const std::string flight = shake_hands(client, server);
    Forger forger{client.records(count_records(flight))};
    int updates = 0;
    for (Heard heard; updates < 200; ++updates) {
      heard = server.receive(forger.key_update(1));
      if (heard.result == TlsResult::failed) break;
      CHECK_EQ(forger.read(heard.sent), "KeyUpdate 0");
      for (int i = 0; i < (hasty ? 1 : 20); ++i) server.receive(forger.data("x"));
    }
    CHECK_EQ(updates, hasty ? 32 : 200);
  }
}

TEST("a client that keeps asking for renegotiation is cut off") {
  const TlsSetup& setup = tls_setups()[3];
  std::string fault;
  const auto provider = make_tls_provider(test_material(true), fault);
  TlsClient client(setup);
  TlsServer server(provider->accept());
  shake_hands(client, server);
  Forger forger{client.records(0)};
  std::string said;
  for (int i = 0; i < 5; ++i) said += forger.read(server.receive(forger.seal(ContentType::handshake, kClientHello)).sent) + ", ";
  CHECK_EQ(said, "alert 1/100, alert 1/100, alert 1/100, alert 1/100, alert 2/10, ");
}

TEST("no octet of a record may be changed") {
  for (const TlsSetup& setup : tls_setups()) {
    TlsClient client(setup);
    std::string fault;
    const auto provider = make_tls_provider(test_material(true, setup.rsa), fault);
    TlsServer server(provider->accept());
    shake_hands(client, server);
    const RecordState peer = client.records(0);
    Forger forger{peer};
    const std::string record = forger.data("a message");
    for (size_t at = 0; at < record.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        RecordStatePtr state = new_record_state();
        *state = peer;
        std::swap(state->in, state->out);
        RecordSession session(std::move(state));
        std::string changed = record;
        changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
        Text wire = changed;
        char plain[1024];
        size_t size = 0;
        std::vector<char> out;
        const TlsResult result = session.receive(wire, plain, sizeof plain, size, out);
        // A longer record is one whose rest has not come.
        CHECK(result == TlsResult::failed || (result == TlsResult::ok && wire.size() == record.size() && (at == 3 || at == 4)));
        CHECK_EQ(size, size_t{0});
      }
    }
  }
}

}  // namespace sluice::record_hostile_test
