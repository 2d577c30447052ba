// REGISTERs decided by numbers, in a shard over sockets: the table, the journal, the responses, and the flows afterwards.
#include <sys/resource.h>

#include <csignal>

#include "registrar_rig.h"

namespace sluice::registering_test {
using namespace test;

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
  rig.configure(3);
  asked.number = 4;
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

}  // namespace sluice::registering_test
