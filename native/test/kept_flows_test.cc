// A shard whose process crashes: the next one goes on with what the keeper holds. The crash is that nobody takes a turn of the shard any more.
#include <random>

#include "core/flow/flow_image.h"
#include "keeper_double.h"
#include "shard_rig.h"
#include "tls_doubles.h"
#include "websocket_client.h"

namespace sluice::kept_flows_test {
using namespace test;

namespace {

// A keeper, and one shard after the other that crashes.
class Crashes {
 public:
  // `most`: octets of memory that each shard may take.
  explicit Crashes(size_t most = SIZE_MAX) : most_(most) {
    CHECK_EQ(DescriptorChannel::open(ends_), 0);
    rigs_.push_back(std::make_unique<ShardRig>());
    prepare();
    CHECK_EQ(now()->keep(ends_[0], most_), 0);
    now()->kept().tell_memory(false);
  }
  ~Crashes() {
    // The newest has the connections: those before end without a word.
    for (const auto& rig : rigs_) (*rig)->kept().stop(false);
    for (const int end : ends_) close(end);
  }
  ShardRig& now() { return *rigs_.back(); }
  size_t held() {
    hear();
    return holdings.connections();
  }
  std::string crash() {
    hear();
    auto next = std::make_unique<ShardRig>(now());
    CHECK_EQ((*next)->keep(ends_[0], most_), 0);
    int give[2];
    CHECK_EQ(DescriptorChannel::open(give), 0);
    DescriptorChannel to(give[1]);
    CHECK_EQ(holdings.give_flows(to), 0);
    std::vector<LeftFlows> left(1);
    CHECK_EQ(receive_left(give[0], left), 0);
    for (const int end : give) close(end);
    rigs_.push_back(std::move(next));
    prepare();
    counts = {};
    const char* const fault = now()->revive(left[0].memory, left[0].flows, counts);
    close(left[0].memory);
    now()->kept().settle();
    now()->kept().tell_memory(true);
    CHECK_EQ(now()->open(), 0);
    now().turn();
    hear();
    return fault == nullptr ? "" : fault;
  }
  const Peer core = Peer::bound(SOCK_DGRAM);
  Holdings holdings;
  RevivedCounts counts;

 private:
  void prepare() {
    now().upstreams({{Transport::udp, core.port()}});
    now()->set_tls(tls_);
  }
  void hear() { take_all(ends_[1], holdings); }
  const size_t most_;
  int ends_[2] = {-1, -1};
  std::vector<std::unique_ptr<ShardRig>> rigs_;
  std::shared_ptr<TlsProvider> tls_ = std::make_shared<NumberedProvider>();
};

// A request of the core over the token of that flow, and its response.
template <typename Wrap, typename Seal>
void reaches(Crashes& all, const Peer& phone, const std::string& route, Wrap&& plain, Seal&& seal, int number) {
  all.core.send_to(all.now().port(ShardRig::kCoreUdp), Request{.method = "OPTIONS", .number = number, .lines = route}.text());
  const std::string asked = plain(all.now().hear(phone, "OPTIONS"));
  phone.send(seal(answer_to(asked, 200)));
  CHECK(holds(all.now().hear(all.core, "200 Whatever"), "Call-ID: c" + std::to_string(number)));
}

const auto as_it_is = [](const std::string& text) { return text; };

}  // namespace

TEST("a crash counts what its turn had taken from sockets and from the ring, until all that comes of it is sent") {
  Crashes all;
  const Peer datagrams = Peer::udp(all.now().port(ShardRig::kClientUdp)), stream = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  for (int i = 1; i <= 3; ++i) datagrams.send(Request{.number = i}.text());
  stream.send(Request{.number = 4, .transport = "TCP"}.text() + Request{.number = 5, .transport = "TCP"}.text());
  unsigned taken = 0;
  // They may come in several turns, of which only the last is not over.
  for (int tries = 0; tries < 100 && taken < 5; ++tries) {
    if (taken > 0) all.now()->execute();
    usleep(20'000);
    taken = all.now()->await(0);
  }
  CHECK_EQ(taken, 5u);
  const KeptHead& head = all.now()->kept().memory().head();
  CHECK_EQ(head.batch, 5u);
  all.now().decide(taken);
  all.now()->execute();
  CHECK_EQ(head.batch, 0u);
  Source source;
  source.transport = Transport::udp;
  CHECK(all.now()->object().take_again(source, Request{.number = 6}.text()));
  datagrams.send(Request{.number = 7}.text());
  usleep(20'000);
  CHECK_EQ(all.now()->await(0), 2u);
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.messages, 2);
  CHECK_EQ(all.now().count(Counter::crash_messages_lost), 2);
  CHECK(all.now()->object().take_again(source, Request{.number = 8}.text()));
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.messages, 1);
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.messages, 0);
}

TEST("a connection outlives two crashes, and its token leads to it") {
  Crashes all;
  Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  const FlowHandle flow = all.now().flow(FlowKind::stream);
  const std::string route = all.now().route_to(flow, ShardRig::kCoreUdp);
  CHECK_EQ(all.held(), 1u);
  reaches(all, phone, route, as_it_is, as_it_is, 1);
  for (int crash = 2; crash < 4; ++crash) {
    CHECK_EQ(all.crash(), "");
    CHECK_EQ(all.counts.kept, 1u);
    CHECK_EQ(all.counts.lost, 0u);
    reaches(all, phone, route, as_it_is, as_it_is, crash);
  }
  CHECK_EQ(all.now().count(Counter::stream_flows), 1);
  // The peer sees the end although the keeper has a descriptor of it, and so does the keeper.
  phone.half_close();
  CHECK(all.now().until([&] { return all.now().at(flow) == nullptr; }));
  all.now().hear(phone, "<EOF>");
  CHECK_EQ(all.held(), 0u);
}

TEST("who registered over a connection is known after a crash, and after the next one") {
  Crashes all;
  const Peer phone = register_alice(all.now(), all.core, Transport::tcp);
  for (int crash = 0; crash < 2; ++crash) {
    CHECK_EQ(all.crash(), "");
    std::vector<FlowFacts> found;
    uint32_t cursor = 0;
    FlowFilter filter;
    filter.text = "bob@example.com";
    all.now()->inspect().flows(cursor, UINT32_MAX, SIZE_MAX, filter, found);
    CHECK_EQ(found.size(), 1u);
  }
  // One that is damaged is left out, and nothing else.
  const FlowHandle flow = all.now().flow(FlowKind::stream);
  all.now()->kept().memory().notes(flow.slot)->octets[40] ^= 1;
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.kept, 1u);
}

TEST("what waits in the socket while nobody runs is read by the next process") {
  Crashes all;
  const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  CHECK_EQ(all.held(), 1u);
  phone.send(Request{.method = "OPTIONS", .number = 5, .transport = "TCP"}.text());
  CHECK_EQ(all.crash(), "");
  const std::string asked = all.now().hear(all.core, "OPTIONS");
  CHECK(holds(asked, "Call-ID: c5"));
}

TEST("WebSocket and TLS connections outlive crashes, at any stage after a TLS handshake") {
  Crashes all;
  const Peer half = Peer::tcp(all.now().port(ShardRig::kClientWs));
  all.now().turn();
  const Peer web = Peer::tcp(all.now().port(ShardRig::kClientWs));
  web.send(websocket_upgrade());
  all.now().hear(web, "101");
  const Peer shaking = Peer::tcp(all.now().port(ShardRig::kClientTls));
  all.now().turn();
  CHECK_EQ(all.held(), 2u);
  const Peer secure = Peer::tcp(all.now().port(ShardRig::kClientTls));
  secure.send("?");
  all.now().hear(secure, "!");
  CHECK_EQ(all.held(), 3u);
  int number = 10;
  uint32_t sent = 0;
  const auto seal = [&](const std::string& text) { return std::string(1, static_cast<char>('a' + sent++ % 26)) + text + "|"; };
  const auto frame = [](const std::string& text) { return websocket_frame(1, text); };
  for (int crash = 0; crash < 3; ++crash) {
    CHECK_EQ(all.crash(), "");
    CHECK_EQ(all.counts.kept, 3u);
    CHECK_EQ(all.counts.lost, crash == 0 ? 1u : 0u);  // the one that is shaking hands
    secure.send(seal(Request{.method = "OPTIONS", .number = ++number, .transport = "TLS"}.text()));
    const std::string asked = all.now().hear(all.core, "OPTIONS");
    all.core.send_to(all.now().port(ShardRig::kCoreUdp), answer_to(asked, 200));
    const std::string got = all.now().hear(secure, "200 Whatever");
    CHECK_EQ(got[0], static_cast<char>('a' + crash));  // its records have gone on counting
    web.send(frame(Request{.method = "OPTIONS", .number = ++number, .transport = "WS"}.text()));
    CHECK(holds(all.now().hear(all.core, "OPTIONS"), "Call-ID: c" + std::to_string(number)));
  }
  half.send(websocket_upgrade());
  all.now().hear(half, "101");
  CHECK_EQ(all.now().count(Counter::handshakes), 0);
}

TEST("a connection of which something was in the memory of the process is closed and counted") {
  Crashes all;
  const uint16_t port = all.now().port(ShardRig::kClientTcp);
  const Peer good = Peer::tcp(port);
  const Peer half = Peer::tcp(port);
  all.now().turn();
  half.send("OPTIONS sip:bob@exa");
  all.now().turn();
  // Octets that the process had read when it ended, before it said so.
  const Peer read = Peer::tcp(port);
  all.now().turn();
  CHECK_EQ(all.held(), 3u);
  std::vector<FlowFacts> found;
  uint32_t cursor = 0;
  all.now()->inspect().flows(cursor, UINT32_MAX, SIZE_MAX, FlowFilter(), found);
  CHECK_EQ(found.size(), 3u);
  read.send("xy");
  char octets[2];
  for (const FlowFacts& one : found) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    getpeername(one.flow->fd, reinterpret_cast<sockaddr*>(&at), &size);
    if (ntohs(at.sin_port) == read.port()) CHECK_EQ(recv(one.flow->fd, octets, 2, 0), 2);
  }
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.kept, 1u);
  CHECK_EQ(all.counts.lost, 2u);
  CHECK_EQ(all.now().count(Counter::crash_flows_lost), 2);
  CHECK_EQ(all.held(), 1u);
  CHECK_EQ(all.now().count(Counter::stream_flows), 1);
}

TEST("a connection of which a part of a record or of a message in frames has come is closed and counted, and kept when the rest has come") {
  Crashes all;
  const Peer secure = Peer::tcp(all.now().port(ShardRig::kClientTls));
  secure.send("?");
  all.now().hear(secure, "!");
  const Peer web = Peer::tcp(all.now().port(ShardRig::kClientWs));
  web.send(websocket_upgrade());
  all.now().hear(web, "101");
  const std::string asked = Request{.method = "OPTIONS", .number = 7, .transport = "WS"}.text();
  secure.send("a");
  secure.send("\r\n\r\n|");
  all.now().hear(secure, "|");
  web.send(websocket_frame(1, "", false));
  web.send(websocket_frame(0, asked));
  CHECK(holds(all.now().hear(all.core, "OPTIONS"), "Call-ID: c7"));
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.kept, 2u);
  secure.send("b");
  web.send(websocket_frame(1, "", false));
  all.now().turn();
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.kept, 0u);
  CHECK_EQ(all.counts.lost, 2u);
}

TEST("what was sent and not counted, or counted and not sent, ends a connection") {
  Crashes all;
  const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  const FlowHandle flow = all.now().flow(FlowKind::stream);
  CHECK_EQ(send(all.now().at(flow)->fd, "x", 1, 0), 1);
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.lost, 1u);
}

// What the process does after the crash that is played within its turn is of no interest, so all is looked at before that.
TEST("a record that was sealed when the process ended has not been sent: its number is used again, for the first time that the peer sees") {
  Crashes all;
  const Peer plain = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  const Peer secure = Peer::tcp(all.now().port(ShardRig::kClientTls));
  secure.send("?");
  all.now().hear(secure, "!");
  secure.send("a\r\n\r\n|");
  CHECK(holds(all.now().hear(secure, "|"), "a\r\n|"));
  CHECK_EQ(all.held(), 2u);
  ShardRig& old = all.now();
  // Both answers go with one turn, the plain one in front.
  NumberedTls::while_sealing = [&] {
    CHECK_EQ(all.crash(), "");
    CHECK_EQ(all.counts.kept, 2u);
    CHECK_EQ(all.counts.lost, 0u);
    CHECK_EQ(plain.drain(), "");
    plain.send("\r\n\r\n");
    secure.send("c\r\n\r\n|");
    CHECK_EQ(all.now().hear(plain, "\r\n"), "\r\n");
    CHECK_EQ(all.now().hear(secure, "|"), "b\r\n|");
  };
  plain.send("\r\n\r\n");
  usleep(20'000);
  secure.send("b\r\n\r\n|");
  CHECK(old.until([&] { return &all.now() != &old; }));
}

TEST("keys that are kept while a record is written are forgotten when it has gone") {
  Crashes all;
  const Peer secure = Peer::tcp(all.now().port(ShardRig::kClientTls));
  secure.send("?");
  all.now().hear(secure, "!");
  const KeptWrite& write = all.now()->kept().memory().hand()->writes[0];
  bool was_there = false;
  NumberedTls::while_sealing = [&] { was_there = Text(write.tls, sizeof write.tls).find_first_not_of('\0') != Text::npos; };
  secure.send("a\r\n\r\n|");
  all.now().hear(secure, "|");
  CHECK(was_there);
  CHECK_EQ(write.generation, all.now().flow(FlowKind::stream).generation);
  CHECK(Text(write.tls, sizeof write.tls).find_first_not_of('\0') == Text::npos);
}

TEST("a connection of which a part was written when the process ended is closed and counted") {
  Crashes all;
  const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  CHECK_EQ(all.held(), 1u);
  const FlowHandle flow = all.now().flow(FlowKind::stream);
  Flow& written = *all.now()->kept().memory().flow(flow.slot);
  all.now()->kept().memory().hand()->will_write(flow.slot, flow.generation, written.octets_sent, Text());
  written.octets_sent += 20;
  CHECK_EQ(send(written.fd, "0123456789", 10, 0), 10);
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.kept, 0u);
  CHECK_EQ(all.counts.lost, 1u);
}

TEST("a crash in the middle of a joint read: only the connection whose octets were being dealt with ends, and what the others had sent is relayed by the next process") {
  Crashes all;
  const Peer web = Peer::tcp(all.now().port(ShardRig::kClientWs));
  web.send(websocket_upgrade());
  all.now().hear(web, "101");
  const Peer first = Peer::tcp(all.now().port(ShardRig::kClientTls)), second = Peer::tcp(all.now().port(ShardRig::kClientTls));
  for (const Peer* const one : {&first, &second}) {
    one->send("?");
    all.now().hear(*one, "!");
  }
  const Peer plain = Peer::tcp(all.now().port(ShardRig::kClientTcp)), idle = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  CHECK_EQ(all.held(), 5u);
  ShardRig& old = all.now();
  NumberedTls::while_opening = [&] {
    CHECK_EQ(all.crash(), "");
    CHECK_EQ(all.counts.kept, 4u);
    CHECK_EQ(all.counts.lost, 1u);
    std::string got;
    CHECK(all.now().until([&] {
      got += all.core.drain();
      return count_of(got, "\r\nCall-ID: ") >= 3;
    }));
    for (const int number : {2, 3, 4}) CHECK_EQ(count_of(got, "\r\nCall-ID: c" + std::to_string(number) + "\r\n"), 1u);
    // And each goes on where it was.
    second.send("b" + Request{.method = "OPTIONS", .number = 12, .transport = "TLS"}.text() + "|");
    CHECK(holds(all.now().hear(all.core, "Call-ID: c12"), "OPTIONS"));
    web.send(websocket_frame(1, Request{.method = "OPTIONS", .number = 13, .transport = "WS"}.text()));
    CHECK(holds(all.now().hear(all.core, "Call-ID: c13"), "OPTIONS"));
    plain.send(Request{.method = "OPTIONS", .number = 14, .transport = "TCP"}.text());
    CHECK(holds(all.now().hear(all.core, "Call-ID: c14"), "OPTIONS"));
    CHECK_EQ(all.crash(), "");
    CHECK_EQ(all.counts.kept, 4u);
  };
  first.send("a" + Request{.method = "OPTIONS", .number = 1, .transport = "TLS"}.text() + "|");
  second.send("a" + Request{.method = "OPTIONS", .number = 2, .transport = "TLS"}.text() + "|");
  web.send(websocket_frame(1, Request{.method = "OPTIONS", .number = 3, .transport = "WS"}.text()));
  plain.send(Request{.method = "OPTIONS", .number = 4, .transport = "TCP"}.text());
  usleep(20'000);
  CHECK(old.until([&] { return &all.now() != &old; }));
}

TEST("a slot that has a new connection since is not mistaken for the one before") {
  Crashes all;
  Peer first = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  const FlowHandle gone = all.now().flow(FlowKind::stream);
  first.close();
  CHECK(all.now().until([&] { return all.now().flow(FlowKind::stream).slot == 0; }));
  const Peer second = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  const FlowHandle fresh = all.now().flow(FlowKind::stream);
  CHECK_EQ(fresh.slot, gone.slot);
  CHECK_EQ(all.crash(), "");
  CHECK_EQ(all.counts.kept, 1u);
  CHECK(all.now().at(gone) == nullptr);
  CHECK(all.now().at(fresh) != nullptr);
  // And the next one gets a generation that nobody has had.
  const Peer third = Peer::tcp(all.now().port(ShardRig::kClientTcp));
  all.now().turn();
  CHECK_EQ(all.now().count(Counter::stream_flows), 2);
}

TEST("UDP flows are remembered, dead ones among them") {
  Crashes all;
  all.now().clients_hear_us();
  all.now().grant_flow_timer(60);
  const Peer phone = register_alice(all.now(), all.core, Transport::udp);
  const FlowHandle flow = all.now().flow(FlowKind::udp);
  CHECK(flow.slot != 0);
  CHECK_EQ(all.crash(), "");
  CHECK(all.now().at(flow) != nullptr);
  CHECK_EQ(all.now().count(Counter::udp_flows), 1);
  reaches(all, phone, all.now().route_to_udp(phone.port()), as_it_is, as_it_is, 3);
}

namespace {

// The memory that a process leaves, as it is here: damaged only while the next one reads it.
class Damage {
 public:
  explicit Damage(KeptMemory& memory) {
    keep(&memory.head(), sizeof(KeptHead));
    keep(memory.hand(), offsetof(KeptHand, room));
    for (uint32_t slot = 1; slot < memory.head().slots; ++slot) {
      keep(memory.flow(slot), sizeof(Flow));
      if (KeptLayer* const layer = memory.layer(slot)) keep(layer, sizeof *layer);
      if (KeptNotes* const notes = memory.notes(slot)) keep(notes, sizeof *notes);
    }
  }
  ~Damage() {
    for (const auto& [at, octets] : before_) std::memcpy(at, octets.data(), octets.size());
  }
  // Some octets of one of them; not those that say whose it is, or it would not be read at all.
  void scatter(std::minstd_rand& random) {
    const auto& [at, octets] = before_[random() % before_.size()];
    constexpr size_t kName = offsetof(KeptHead, slots);
    for (unsigned left = 1 + random() % 6; left > 0; --left) {
      const size_t place = random() % std::min<size_t>(octets.size(), 512);
      const bool is_name = at == before_[0].first && (place < kName || (place >= offsetof(KeptHead, boot) && place < offsetof(KeptHead, has_hand)));
      if (!is_name) at[place] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    }
  }

 private:
  void keep(void* at, size_t octets) { before_.emplace_back(static_cast<char*>(at), std::string(static_cast<char*>(at), octets)); }
  std::vector<std::pair<char*, std::string>> before_;
};

}  // namespace

TEST("a head that names what there is no memory for is damaged, and nothing of it is touched") {
  const std::function<void(KeptHead&)> damages[] = {
      [](KeptHead& head) { head.slots = FlowTable::kMostSlots; }, [](KeptHead& head) { head.slots = 30 * kKeptPiece; },     [](KeptHead& head) { head.has_hand = 2; },
      [](KeptHead& head) { head.pieces[0] = 8; },                 [](KeptHead& head) { head.pieces[1] = kPiece_layers; },   [](KeptHead& head) { head.pieces[KeptHead::kMostPieces - 1] = kPiece_notes; }};
  for (const auto& damage : damages) {
    Crashes all;
    const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    all.now().turn();
    CHECK_EQ(all.held(), 1u);
    {
      KeptMemory& memory = all.now()->kept().memory();
      const Damage undone(memory);
      damage(memory.head());
      CHECK_EQ(all.crash(), "it is damaged");
    }
    CHECK_EQ(all.counts.lost, 1u);
    const Peer next = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    all.now().turn();
    CHECK_EQ(all.held(), 1u);
  }
}

TEST("whatever is damaged in the memory of a process that has ended, the next one serves") {
  std::minstd_rand random(14);
  for (int round = 0; round < 120; ++round) {
    Crashes all;
    const Peer web = Peer::tcp(all.now().port(ShardRig::kClientWs));
    web.send(websocket_upgrade());
    all.now().hear(web, "101");
    const Peer secure = Peer::tcp(all.now().port(ShardRig::kClientTls));
    secure.send("?");
    all.now().hear(secure, "!");
    const Peer phone = register_alice(all.now(), all.core, Transport::tcp), datagrams = register_alice(all.now(), all.core, Transport::udp);
    {
      KeptMemory& memory = all.now()->kept().memory();
      Damage damage(memory);
      for (uint32_t slot = 1; slot < memory.head().slots; ++slot) {
        const Flow& flow = *memory.flow(slot);
        memory.hand()->will_read(slot, flow.generation, memory.hand()->room + slot);
        memory.hand()->will_write(slot, flow.generation, flow.octets_sent, Text());
      }
      for (unsigned left = 1 + random() % 4; left > 0; --left) damage.scatter(random);
      all.crash();
    }
    const Peer next = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    next.send(Request{.method = "OPTIONS", .number = 77, .transport = "TCP"}.text());
    CHECK(holds(all.now().hear(all.core, "Call-ID: c77"), "OPTIONS"));
  }
}

TEST("memory of another version, of another shard, or damaged, loses the connections and nothing else") {
  for (const int fault : {0, 1, 2}) {
    Crashes all;
    const Peer phone = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    all.now().turn();
    CHECK_EQ(all.held(), 1u);
    KeptHead& head = all.now()->kept().memory().head();
    if (fault == 0) ++head.layout;
    if (fault == 1) ++head.boot;
    if (fault == 2) head.slots = UINT32_MAX;
    const char* const expected[] = {"another version has written it", "it is another shard's", "it is damaged"};
    CHECK_EQ(all.crash(), expected[fault]);
    CHECK_EQ(all.counts.lost, 1u);
    CHECK_EQ(all.held(), 0u);
    const Peer next = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    all.now().turn();
    CHECK_EQ(all.held(), 1u);
  }
}

// Where the system promises no more memory, as with vm.overcommit_memory=2, it must not be touched: that would be the end of the process.
TEST("flows for which there is no memory that outlives a crash work as without a keeper, are counted, and are lost in a crash") {
  constexpr size_t kHead = 20 << 10, kPieceOfFlows = kKeptPiece * KeptMemory::kFlowOctets;
  for (const bool has_flows : {false, true}) {
    Crashes all(has_flows ? kHead + kPieceOfFlows : kHead);
    const Peer plain = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    all.now().turn();
    const Peer web = Peer::tcp(all.now().port(ShardRig::kClientWs));
    web.send(websocket_upgrade());
    all.now().hear(web, "101");
    const Peer secure = Peer::tcp(all.now().port(ShardRig::kClientTls));
    secure.send("?");
    all.now().hear(secure, "!");
    secure.send("a" + Request{.method = "OPTIONS", .number = 1, .transport = "TLS"}.text() + "|");
    all.now().hear(all.core, "Call-ID: c1");
    const Peer phone = register_alice(all.now(), all.core, Transport::tcp);
    CHECK_EQ(all.held(), has_flows ? 2u : 0u);
    CHECK_EQ(all.now().count(Counter::keeper_full), has_flows ? 2 : 4);
    CHECK_EQ(all.crash(), "");
    CHECK_EQ(all.counts.kept, has_flows ? 2u : 0u);
    CHECK_EQ(all.counts.lost, has_flows ? 2u : 0u);  // of the others nobody knows
    const Peer next = Peer::tcp(all.now().port(ShardRig::kClientTcp));
    next.send(Request{.method = "OPTIONS", .number = 2, .transport = "TCP"}.text());
    all.now().hear(all.core, "Call-ID: c2");
  }
}

TEST("memory of which not even the head is promised is refused before the first flow") {
  ShardRig rig;
  CHECK_EQ(rig->keep(-1, 4'096), ENOSPC);
  CHECK(!rig->kept().is_on());
}

TEST("a keeper that dies leaves a shard that works") {
  int ends[2];
  CHECK_EQ(DescriptorChannel::open(ends), 0);
  Scene scene;
  CHECK_EQ(scene.rig->keep(ends[0]), 0);
  close(ends[1]);
  Peer phone = Peer::tcp(scene.rig.port(ShardRig::kClientTcp));
  scene.rig.turn();
  CHECK(!scene.rig->kept().is_on());
  phone.send(Request{.method = "OPTIONS", .number = 4, .transport = "TCP"}.text());
  CHECK(holds(scene.rig.hear(scene.core, "OPTIONS"), "Call-ID: c4"));
  scene.rig.end();
  close(ends[0]);
}

TEST("a keeper that does not listen gets it all later") {
  int ends[2];
  CHECK_EQ(DescriptorChannel::open(ends), 0);
  Holdings holdings;
  {
    Scene scene;
    CHECK_EQ(scene.rig->keep(ends[0]), 0);
    scene.rig->kept().tell_memory(false);
    std::vector<Peer> phones;
    for (int i = 0; i < 2000 && phones.size() < 400; ++i) {
      phones.push_back(Peer::tcp(scene.rig.port(ShardRig::kClientTcp)));
      scene.rig.turn();
    }
    for (size_t i = 0; i < 100; ++i) phones[i].close();
    CHECK(scene.rig.until([&] { return scene.rig.count(Counter::stream_flows) == 300; }));
    CHECK(scene.rig.until([&] {
      take_all(ends[1], holdings);
      return holdings.connections() == 300;
    }));
  }
  for (const int end : ends) close(end);
}

}  // namespace sluice::kept_flows_test
