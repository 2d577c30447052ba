// Records of our own against OpenSSL as the peer, in both directions.
#include <random>

#include "tls_rig.h"

namespace sluice::record_session_test {
using namespace test;

namespace {

struct Pair {
  explicit Pair(const TlsSetup& setup) : client(setup) {
    std::string fault;
    provider = make_tls_provider(test_material(true, setup.rsa), fault);
    server = std::make_unique<TlsServer>(provider->accept());
    client.receive(shake_hands(client, *server));
    CHECK(server->has_own_records());
  }
  RecordSession& records() { return static_cast<RecordSession&>(server->session()); }

  TlsClient client;
  std::unique_ptr<TlsProvider> provider;
  std::unique_ptr<TlsServer> server;
};

std::string random_text(std::mt19937& random, size_t size) {
  std::string text(size, '\0');
  for (char& octet : text) octet = static_cast<char>(random());
  return text;
}

}  // namespace

TEST("OpenSSL reads every record that we seal, and we every record of OpenSSL's, of every length class, through KeyUpdates of either side") {
  std::mt19937 random(5626);
  const size_t sizes[] = {1, 2, 15, 16, 17, 255, 700, 4096, 16383, 16384, 16385, 40000};
  for (const TlsSetup& setup : tls_setups()) {
    Pair pair(setup);
    for (int round = 0; round < 400; ++round) {
      const std::string up = random_text(random, sizes[random() % std::size(sizes)]);
      const std::string down = random_text(random, sizes[random() % std::size(sizes)]);
      const bool is_13 = setup.version == TLS1_3_VERSION;
      if (is_13 && round % 20 == 7) SSL_key_update(pair.client.ssl.get(), round % 40 == 7 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
      const Heard heard = pair.server->receive(pair.client.send(up));
      CHECK(heard.result == TlsResult::ok);
      CHECK(heard.plain == up);
      std::string wire = heard.sent;
      if (round % 30 == 11) {
        std::vector<char> out;
        CHECK_EQ(pair.records().update_own_keys(out), is_13);
        wire.append(out.begin(), out.end());
      }
      wire += pair.server->send(down);
      CHECK(pair.client.receive(wire) == down);
      CHECK(!pair.client.failed);
    }
  }
}

TEST("the parts of a message leave as one record, those of a long one are left to send(), and nothing leaves after the end") {
  for (const TlsSetup& setup : tls_setups()) {
    Pair pair(setup);
    std::string head = "head ", body(4000, 'b'), nothing, whole(kMaxContent + 1, 'w');
    const auto part = [](std::string& text) { return iovec{text.data(), text.size()}; };
    const iovec parts[] = {part(head), part(nothing), part(body)}, too_long[] = {part(whole)}, empty[] = {part(nothing)};
    TlsSession& session = pair.server->session();
    const size_t octets = head.size() + body.size();
    std::string record(octets + kTlsRecordExtra, '\0');
    record.resize(session.send_parts(parts, 3, octets, record.data()));
    CHECK_EQ(count_records(record), 1u);
    CHECK(pair.client.receive(record) == head + body);
    std::string room(whole.size() + kTlsRecordExtra, '\0');
    const std::string untouched = room;
    CHECK_EQ(session.send_parts(too_long, 1, whole.size(), room.data()), 0u);
    CHECK_EQ(session.send_parts(empty, 1, 0, room.data()), 0u);
    CHECK(pair.client.receive(pair.server->send(whole)) == whole);
    pair.server->close();
    CHECK_EQ(session.send_parts(parts, 3, octets, room.data()), 0u);
    CHECK(room == untouched);
  }
}

TEST("CR-7 a connection ends with close_notify from either side, and the other direction may go on") {
  for (const TlsSetup& setup : tls_setups()) {
    Pair first(setup);
    const std::string last = first.server->send("last");
    CHECK_EQ(first.client.receive(last + first.server->close()), "last");
    CHECK(first.client.closed && !first.client.failed);
    std::vector<char> out;
    CHECK(!first.server->session().send("too late", out) && out.empty());
    first.server->session().close(out);
    CHECK(out.empty());

    Pair second(setup);
    const std::string before = second.client.send("last request");
    SSL_shutdown(second.client.ssl.get());
    const Heard heard = second.server->receive(before + second.client.pending_output() + "whatever follows");
    CHECK(heard.result == TlsResult::closed);
    CHECK_EQ(heard.plain, "last request");
    CHECK_EQ(heard.sent, "");
    const std::string answer = second.server->send("its answer");
    CHECK_EQ(second.client.receive(answer + second.server->close()), "its answer");
    CHECK(second.client.closed && !second.client.failed);
  }
}

TEST("our keys change before a record is the last that they may seal") {
  for (const TlsSetup& setup : tls_setups()) {
    TlsClient client(setup);
    std::string fault;
    const auto provider = make_tls_provider(test_material(true, setup.rsa), fault);
    TlsServer server(provider->accept());
    shake_hands(client, server);
    Forger peer{client.records(0)};
    RecordStatePtr state = new_record_state();
    *state = peer.state;
    std::swap(state->in, state->out);
    // 2^24 records later.
    state->out.number = peer.state.in.number = kRecordsPerKey - 1;
    RecordSession session(std::move(state));
    std::vector<char> out;
    for (const char* text : {"one", "two", "three"}) CHECK(session.send(text, out));
    CHECK_EQ(peer.read(std::string(out.begin(), out.end())), setup.version == TLS1_3_VERSION ? "data one; KeyUpdate 0; data two; data three" : "data one; data two; data three");
  }
}

TEST("no record goes out when its number is used up") {
  for (const TlsSetup& setup : tls_setups()) {
    if (setup.version != TLS1_2_VERSION) continue;
    RecordStatePtr state = new_record_state();
    state->version = kTls12;
    state->suite = AeadSuite::chacha20_poly1305;
    state->max_content = kMaxContent;
    state->out.number = kMaxNumber - 1;
    RecordSession session(std::move(state));
    std::vector<char> out;
    CHECK(session.send("the last", out));
    out.clear();
    CHECK(!session.send("one more", out) && out.empty());
    CHECK(!session.send("", out));
  }
}

}  // namespace sluice::record_session_test
