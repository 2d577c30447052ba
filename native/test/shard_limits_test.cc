// What a shard refuses, forgets or closes when there is no room, or when nothing arrives for too long.
#include <sys/resource.h>

#include "core/transport/tune_stream.h"
#include "shard_rig.h"

namespace sluice::shard_limits_test {
using namespace test;

namespace {

// Uses up the descriptors of the process until the end of the scope.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);
    close(next);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

void mark_registered(ShardRig& rig) {
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    if (!record[kRecord_is_response]) return false;
    verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_response);
    verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_mark_registered);
    return true;
  };
}

// A REGISTER over UDP that is answered with 200.
Peer registered(ShardRig& rig, const Peer& core, int number) {
  Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.method = "REGISTER", .number = number}.text());
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "Call-ID: c" + std::to_string(number) + "\r\n"), 200));
  rig.hear(client, "SIP/2.0 200");
  return client;
}

}  // namespace

TEST("TR-21 a connection beyond the share of its source or of all sources is closed at once, and one that ends makes room") {
  for (const bool all : {false, true}) {
    ShardRig rig([=](EdgeConfig& config) { (all ? config.limits.max_flows : config.limits.max_flows_per_source) = 2; });
    Peer first = Peer::tcp(rig.port(ShardRig::kClientTcp));
    const Peer second = Peer::tcp(rig.port(ShardRig::kClientTcp));
    rig.turn();
    const Peer third = Peer::tcp(rig.port(ShardRig::kClientTcp));
    CHECK_EQ(rig.hear(third, "<EOF>"), "<EOF>");
    CHECK(rig->alerts().back().event == (all ? Event::all_full : Event::source_full));
    first.close();
    CHECK(rig.until([&] { return rig.count(Counter::stream_flows) == 1; }));
    const Peer fourth = Peer::tcp(rig.port(ShardRig::kClientTcp));
    fourth.send("\r\n\r\n");
    rig.hear(fourth, "\r\n");
    CHECK_EQ(rig.count(Counter::flows_refused), 1);
  }
}

TEST("TR-21 the core's connections do not use up any share") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_flows_per_source = 1; });
  const Peer core = Peer::tcp(rig.port(ShardRig::kCoreTcp));
  const Peer other = Peer::tcp(rig.port(ShardRig::kCoreTcp));
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  CHECK_EQ(rig.count(Counter::stream_flows), 3);
}

TEST("of a source's UDP flows the one silent for longest makes room, and its token still works") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_flows_per_source = 2; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  mark_registered(rig);
  const Peer first = registered(rig, core, 1);
  rig.pass(2'000);
  const Peer second = registered(rig, core, 2);
  rig.pass(2'000);
  const Peer third = registered(rig, core, 3);
  CHECK_EQ(rig.count(Counter::udp_flows), 2);
  CHECK_EQ(rig.count(Counter::udp_flows_evicted), 1);
  rig.policy = nullptr;
  core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 9, .lines = rig.route_to_udp(first.port())}.text());
  rig.hear(first, "INVITE sip:");
}

TEST("a newcomer that has not registered does not displace a registered flow") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_flows_per_source = 1; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  mark_registered(rig);
  const Peer phone = registered(rig, core, 1);
  const FlowHandle flow = rig.flow(FlowKind::udp);
  rig.policy = nullptr;
  const Peer other = Peer::bound(SOCK_DGRAM);
  core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 2, .lines = rig.route_to_udp(other.port())}.text());
  rig.hear(other, "INVITE sip:");
  CHECK(rig.at(flow) != nullptr);
  CHECK_EQ(rig.count(Counter::udp_flows_refused), 1);
}

TEST("a UDP flow is forgotten after ten minutes of silence, a registered one after two hours") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  mark_registered(rig);
  const Peer phone = registered(rig, core, 1);
  rig.policy = nullptr;
  const Peer other = Peer::bound(SOCK_DGRAM);
  core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = 2, .lines = rig.route_to_udp(other.port())}.text());
  rig.hear(other, "INVITE sip:");
  CHECK_EQ(rig.count(Counter::udp_flows), 2);
  rig.pass(210'000);  // the INVITE is over
  rig.pass(400'000);
  CHECK_EQ(rig.count(Counter::udp_flows), 1);
  rig.pass(3'600'000);
  CHECK_EQ(rig.count(Counter::udp_flows), 1);
  rig.pass(3'600'000);
  CHECK_EQ(rig.count(Counter::udp_flows), 0);
}

TEST("TR-21 without descriptors nobody is accepted, which is reported now and then; later the waiting connections are accepted") {
  ShardRig rig;
  Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  {
    const NoDescriptors none;
    rig.turn();
    rig.turn();
  }
  CHECK_EQ(rig->alerts().size(), 1u);
  CHECK(rig->alerts()[0].event == Event::accept_failed);
  CHECK_EQ(rig.count(Counter::stream_flows), 0);
  rig.pass(200);
  client.send("\r\n\r\n");
  rig.hear(client, "\r\n");
}

TEST("SA-8 a shard that stops accepting keeps its connections") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  rig->stop_accepting();
  const Peer late = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  client.send("\r\n\r\n");
  rig.hear(client, "\r\n");
  CHECK_EQ(rig.count(Counter::stream_flows), 1);
}

TEST("requests that cannot be remembered are still relayed, and counted") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_pending = 2; });
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (int i = 0; i < 4; ++i) client.send(Request{.number = i}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  std::string got;
  CHECK(rig.until([&] { return count_of(got += connection.drain(), "MESSAGE sip:") == 4; }));
  CHECK_EQ(rig.count(Counter::pending), 2);
  CHECK_EQ(rig.count(Counter::pending_refused), 2);
  // A reload makes room.
  FlowLimits limits = rig->config().limits;
  limits.max_pending = 40;
  rig->set_limits(limits, 0);
  for (int i = 4; i < 6; ++i) client.send(Request{.number = i}.text());
  CHECK(rig.until([&] { return count_of(got += connection.drain(), "MESSAGE sip:") == 6; }));
  CHECK_EQ(rig.count(Counter::pending), 4);
  CHECK_EQ(rig.count(Counter::pending_refused), 2);
}

TEST("the oldest remembered responses make room for new ones") {
  ShardRig rig([](EdgeConfig& config) { config.limits.max_pending = 8; });
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  client.send(Request{.number = 0}.text());
  rig.turn();
  const Peer connection = rig.accept(core);
  std::string request = rig.hear(connection, "Call-ID: c0");
  for (int i = 1; i <= 6; ++i) {
    connection.send(answer_to(request, 200));
    rig.hear(client, "SIP/2.0 200");
    client.send(Request{.number = i}.text());
    request = rig.hear(connection, "Call-ID: c" + std::to_string(i));
  }
  CHECK_EQ(rig.count(Counter::pending), 4);  // a quarter of the table plus one, and what is still waiting
  client.send(Request{.number = 5}.text());
  rig.hear(client, "Call-ID: c5");
  CHECK_EQ(connection.drain(), "");
  client.send(Request{.number = 0}.text());
  rig.hear(connection, "Call-ID: c0");
}

TEST("TR-20 a connection that sends nothing, or nothing complete, times out; an idle one ends after an hour") {
  ShardRig rig;
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer silent = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const Peer slow = Peer::tcp(rig.port(ShardRig::kClientTcp));
  slow.send("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: ");
  const Peer good = Peer::tcp(rig.port(ShardRig::kClientTcp));
  good.send(Request{.transport = "TCP"}.text());
  rig.hear(core, "MESSAGE sip:");
  rig.pass(11'000);
  CHECK_EQ(slow.drain(), "<EOF>");
  CHECK_EQ(silent.drain(), "");
  rig.pass(20'000);
  CHECK_EQ(silent.drain(), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_faulty), 2);
  rig.pass(3'500'000);
  CHECK_EQ(good.drain(), "");
  rig.pass(120'000);
  CHECK_EQ(good.drain(), "<EOF>");
  CHECK_EQ(rig.count(Counter::flows_expired), 1);
}

TEST("OB-5.4-13 after a pause of the whole process, no flow is judged before the sockets have been read") {
  ShardRig rig([](EdgeConfig& config) { config.limits.idle_seconds = 60; });
  const Peer core = Peer::bound(SOCK_DGRAM);
  rig.upstreams({{Transport::udp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  client.send(Request{.transport = "TCP"}.text());
  rig.hear(core, "MESSAGE sip:");
  // Its ping is in the socket while time jumps.
  client.send("\r\n\r\n");
  rig.pass(61'000);
  CHECK_EQ(client.drain(), "\r\n");
  CHECK_EQ(rig.count(Counter::flows_expired), 0);
}

TEST("an upstream's failure is reported no matter how many alerts strangers cause") {
  Alerts alerts;
  for (int i = 0; i < 1'000; ++i) alerts.add(Event::malformed, Address{});
  alerts.add(Event::upstream_down, Address{});
  CHECK(alerts.list().back().event == Event::upstream_down);
}

TEST("rubbish reaches no policy: octets that cannot be SIP, a request that nobody can be told about") {
  ShardRig rig;
  int decided = 0;
  rig.policy = [&](unsigned, const int32_t*, int32_t*) { return ++decided > 0; };
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  for (const char* octets : {"<noise>", "\x16\x03\x01\x02", "(MESSAGE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\r\n"}) client.send(octets);
  for (const char* octets : {"noise", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "MESSAGE sip:x@y SIP/2.0\r\n\r\n"}) client.send(octets);
  CHECK(rig.until([&] { return rig.count(Counter::not_sip) == 3 && rig.count(Counter::malformed) == 3; }));
  CHECK_EQ(client.drain(), "");
  CHECK_EQ(decided, 0);
}

TEST("a source gets 250 answers to faults in a second and all sources 500; the rest is dropped, and the next second is a new one") {
  FaultAnswers faults(SipKey{1, 2});
  const auto answered = [&](const char* source, uint32_t second) {
    int count = 0;
    for (int i = 0; i < 1'000; ++i) count += faults.take(address(source, 5060), second);
    return count;
  };
  CHECK_EQ(answered("192.0.2.1", 1), 250);
  CHECK_EQ(answered("192.0.2.2", 1), 250);
  CHECK_EQ(answered("192.0.2.3", 1), 0);
  CHECK_EQ(answered("192.0.2.3", 2), 250);

  ShardRig rig;
  const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
  Request faulty{.lines = "Max-Forwards: many\r\n"};
  for (int i = 0; i < 300; ++i) client.send(faulty.text());
  CHECK(rig.until([&] { return rig.count(Counter::malformed) == 300; }));
  CHECK_EQ(rig.count(Counter::replies), 250);
  CHECK_EQ(rig.count(Counter::faults_unanswered), 50);
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  core.send(faulty.text());
  CHECK(holds(rig.hear(core, "SIP/2.0"), "SIP/2.0 400 "));
}

TEST("OB-5.4-16 a connection that is accepted has the kernel's keep-alives and time limit, and is not delayed") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  FlowHandle handle;
  CHECK(rig.until([&] { return (handle = rig.flow(FlowKind::stream)).slot != 0; }));
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    CHECK_EQ(getsockopt(rig.at(handle)->fd, level, name, &value, &size), 0);
    return value;
  };
  CHECK_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
  CHECK_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  CHECK_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), kKeepIdle);
  CHECK_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), kKeepInterval);
  CHECK_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), kKeepCount);
  CHECK_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), kUserTimeoutMs);
}

TEST("SA-9 new limits apply from now on") {
  ShardRig rig;
  FlowLimits limits;
  limits.max_flows_per_source = 1;
  rig->set_limits(limits, 300);
  CHECK_EQ(rig->config().flow_timer, 300u);
  const Peer first = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const Peer second = Peer::tcp(rig.port(ShardRig::kClientTcp));
  CHECK_EQ(rig.hear(second, "<EOF>"), "<EOF>");
}

TEST("TR-20 a long message is read in pieces into its own buffer") {
  ShardRig rig([](EdgeConfig& config) { config.limits.scan.max_body = 65'000; });
  const Peer core = Peer::listening();
  rig.upstreams({{Transport::tcp, core.port()}});
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  const std::string text = Request{.transport = "TCP", .body = std::string(60'000, 'b')}.text() + Request{.number = 2, .transport = "TCP"}.text();
  for (size_t at = 0; at < text.size(); at += 7'000) {
    client.send(text.substr(at, 7'000));
    rig.turn();
  }
  const Peer connection = rig.accept(core);
  CHECK(rig.hear(connection, "Call-ID: c2").size() > 60'000);
}

TEST("each unfinished message has its whole time, whatever was unfinished before it") {
  ShardRig rig;
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  CHECK(rig.until([&] { return rig.count(Counter::stream_flows) == 1; }));
  const std::string text = Request{}.text();
  const auto comes = [&](std::string_view octets, int64_t requests) {
    const int64_t before = rig.count(Counter::bytes_in);
    client.send(std::string(octets));
    CHECK(rig.until([&] { return rig.count(Counter::bytes_in) == before + static_cast<int64_t>(octets.size()); }));
    CHECK_EQ(rig.count(Counter::requests_in), requests);
  };
  const uint64_t wait = rig->config().limits.message_seconds * 1000;
  comes(text.substr(0, 20), 0);
  rig.pass(wait - 5'000);
  comes(text.substr(20), 1);
  comes(text.substr(0, 20), 1);
  rig.pass(2'000);
  CHECK_EQ(rig.count(Counter::stream_flows), 1);
  comes(text.substr(20), 2);
}

}  // namespace sluice::shard_limits_test
