// Plays clients, core and policy against a real Shard over loopback sockets, without Node. Nothing runs by itself: turns happen when the
// test takes them, and time passes when the test moves it.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "core/flow/birth.h"
#include "core/shard/shard.h"
#include "core/transport/listener_sockets.h"
#include "flow_tokens.h"
#include "peer.h"

namespace sluice::test {

class SetTime final : public TimeSource {
 public:
  uint64_t monotonic_ms() const noexcept override { return ms; }
  uint64_t unix_seconds() const noexcept override { return start + ms / 1000; }
  uint64_t ms = 1'000'000;
  uint64_t start = 1'700'000'000;
};

inline size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The value of a header's first line.
inline std::string value_of(const std::string& message, const std::string& name) {
  const size_t at = message.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 4;
  return message.substr(begin, message.find("\r\n", begin) - begin);
}

// A request, identified by its number.
struct Request {
  std::string method = "MESSAGE";
  int number = 1;
  std::string transport = "UDP";
  std::string lines = "";  // each with its CRLF
  std::string body = "";
  std::string length = "";  // instead of the correct one
  int vias = 1;
  std::string uri = "sip:bob@example.com";

  std::string text() const {
    const std::string n = std::to_string(number);
    std::string out = method + " " + uri + " SIP/2.0\r\n";
    for (int i = 0; i < vias; ++i) out += "Via: SIP/2.0/" + transport + " 10.0.0.1:5060;rport;branch=z9hG4bKx" + n + "v" + std::to_string(i) + "\r\n";
    out += lines + "Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: c" + n + "\r\nCSeq: 1 " + method +
           "\r\nContent-Length: " + (length.empty() ? std::to_string(body.size()) : length) + "\r\n\r\n";
    return out + body;
  }
};

// A response from the recipient of `request`.
inline std::string answer_to(const std::string& request, int status, const std::string& lines = "") {
  std::string out = "SIP/2.0 " + std::to_string(status) + " Whatever\r\n";
  for (size_t at = request.find("\r\nVia: "); at != std::string::npos; at = request.find("\r\nVia: ", at + 2))
    out += request.substr(at + 2, request.find("\r\n", at + 2) - at);
  for (const char* name : {"From", "To", "Call-ID", "CSeq"}) out += std::string(name) + ": " + value_of(request, name) + (std::string(name) == "To" ? ";tag=x\r\n" : "\r\n");
  return out + lines + "Content-Length: 0\r\n\r\n";
}

// What several shards share.
struct Rings {
  explicit Rings(size_t shards, size_t octets = 1 << 20) {
    for (size_t i = 0; i < shards; ++i) {
      rings.push_back(std::make_unique<Ring>(octets));
      wakes.push_back(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    }
  }
  ~Rings() {
    for (int fd : wakes) close(fd);
  }
  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<int> wakes;
  FlowCommons commons{SipKey{5, 6}};
};

class ShardRig {
 public:
  enum : uint16_t { kClientUdp, kClientTcp, kCoreUdp, kCoreTcp, kClientTls, kClientWs };
  using Change = std::function<void(EdgeConfig&)>;

  explicit ShardRig(const Change& change = nullptr, std::shared_ptr<Rings> rings = nullptr, uint8_t shard = 0)
      : rings_(rings ? rings : std::make_shared<Rings>(1)) {
    EdgeConfig config;
    config.shard = shard;
    config.shards = static_cast<uint8_t>(rings_->rings.size());
    config.boot = 7;
    config.probe_seconds = 0;  // only tests about probes set it, so that others receive nothing unexpected
    config.table_key = {1, 2};
    config.branch_keys = BranchKeys(SipKey{3, 4});
    std::vector<ListenerSockets::Place> places;
    std::vector<Peer> reserved;
    const std::pair<Transport, Facing> wanted[] = {{Transport::udp, Facing::client}, {Transport::tcp, Facing::client}, {Transport::udp, Facing::core},
                                                   {Transport::tcp, Facing::core},   {Transport::tls, Facing::client}, {Transport::ws, Facing::client}};
    for (const auto& [transport, facing] : wanted) {
      Listener listener;
      listener.transport = transport;
      listener.facing = facing;
      reserved.push_back(Peer::reserved(transport == Transport::udp ? SOCK_DGRAM : SOCK_STREAM));
      listener.bound = address("127.0.0.1", reserved.back().port());
      places.push_back({transport, listener.bound});
      listener.sent_by = "127.0.0.1:" + std::to_string(listener.bound.port);
      config.aliases.push_back(listener.bound);
      config.listeners.push_back(listener);
    }
    if (change) change(config);
    make(config, places, {});
    CHECK_EQ(shard_->open(), 0);
  }
  // Its successor, not open yet: as in another process, with the same settings, the commons as they are now, and duplicates of the sockets.
  explicit ShardRig(ShardRig& before, const Change& change = nullptr) : rings_(std::make_shared<Rings>(before.rings_->rings.size())) {
    EdgeConfig config = before->config();
    std::vector<ListenerSockets::Place> places;
    for (const Listener& listener : config.listeners) places.push_back({listener.transport, listener.bound});
    if (change) change(config);
    std::vector<int> given;
    for (const int fd : before.sockets_.of(0)) given.push_back(dup(fd));
    time.ms = before.time.ms;
    std::vector<char> commons;
    before.rings_->commons.write_image(commons);
    CHECK(rings_->commons.adopt(Text(commons.data(), commons.size())) == nullptr);
    make(config, places, given);
  }

  Shard& operator*() { return *shard_; }
  Shard* operator->() { return shard_.get(); }
  uint16_t port(size_t listener) const { return shard_->config().listeners[listener].bound.port; }
  int64_t count(Counter which) const { return counters_[static_cast<size_t>(which)]; }
  uint64_t held(Holding what) const { return rings_->commons.shares.held(what); }
  void end() { shard_.reset(); }

  // From now on, no response to a client is withheld (answer_credit.h).
  void clients_hear_us() { rings_->commons.answers.heard_us(address("127.0.0.1", 0)); }
  void upstreams(std::initializer_list<std::pair<Transport, uint16_t>> targets) {
    UpstreamSet set;
    uint16_t priority = 0;
    for (const auto& [transport, port] : targets) {
      Upstream one;
      one.address = address("127.0.0.1", port);
      one.transport = transport;
      one.priority = priority++;
      CHECK(set.add(one, "127.0.0.1"));
    }
    shard_->set_upstreams(set);
  }
  bool upstream_lives(int target = 0) { return shard_->inspect().upstreams().targets().at(target).alive; }

  // Takes turns until nothing is left to do of what the peers have sent; returns how many messages the policy saw.
  unsigned turn() {
    unsigned total = 0;
    await_arrival();
    while (const unsigned count = shard_->collect()) {
      total += count;
      decide(count);
      shard_->execute();
    }
    return total;
  }
  // Takes turns until `is_true`, for things that take the kernel a moment.
  bool until(const std::function<bool()>& is_true) {
    for (int i = 0; i < 2000; ++i) {
      turn();
      if (is_true()) return true;
      usleep(500);
    }
    return false;
  }
  // Takes turns until the peer has received `part`, and returns everything it received.
  std::string hear(const Peer& peer, const std::string& part) {
    std::string all;
    until([&] { return holds(all += peer.drain(), part); });
    if (!holds(all, part)) CHECK_EQ(all, part);
    return all;
  }
  Peer accept(const Peer& listener) {
    Peer peer;
    until([&] { return (peer = listener.accept()).is_open(); });
    CHECK(peer.is_open());
    turn();
    return peer;
  }
  // Time passes, and the shard notices. After a second without a tick it is patient for two more, which pass as well.
  void pass(uint64_t milliseconds) {
    step(milliseconds);
    for (int i = 0; i < 4 && milliseconds >= 1000; ++i) step(900);
  }

  // The policy: a faulty request gets 400; a request with our token goes over its flow, everything else to the upstream.
  void decide(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      int32_t* verdict = verdicts_ + i * k_verdict_fields;
      const int32_t* record = records_ + i * k_record_fields;
      const auto act = [&](Action action) { verdict[kVerdict_action] = static_cast<int32_t>(action); };
      verdict[kVerdict_target] = -1;
      if (policy && policy(i, record, verdict)) continue;
      if (record[kRecord_is_response]) {
        act(Action::relay_response);
      } else if (record[kRecord_error]) {
        act(Action::reply);
        verdict[kVerdict_status] = 400;
        verdict[kVerdict_reason] = record[kRecord_error];
      } else if (record[kRecord_own_routes] > 0) {
        act(Action::relay_to_flow);
        verdict[kVerdict_target] = 0;
        verdict[kVerdict_cut_routes] = record[kRecord_own_routes];
      } else {
        act(Action::relay_upstream);
        if (record[kRecord_method] == static_cast<int32_t>(Method::register_))
          verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_path | kEdit_path_ob | kEdit_mark_outbound);
      }
    }
  }
  // Decides on a message instead; false: leaves it to the default policy.
  std::function<bool(unsigned, const int32_t* record, int32_t* verdict)> policy;
  // Every response makes the flow of its request an outbound flow, with this Flow-Timer.
  void grant_flow_timer(int32_t seconds) {
    policy = [seconds](unsigned, const int32_t* record, int32_t* verdict) {
      if (!record[kRecord_is_response]) return false;
      verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_response);
      verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_mark_outbound | kEdit_flow_timer);
      verdict[kVerdict_flow_timer] = seconds;
      return true;
    };
  }

  // The only open flow of this kind; slot 0: none.
  FlowHandle flow(FlowKind kind, bool core = false) {
    std::vector<FlowFacts> found;
    uint32_t cursor = 0;
    shard_->inspect().flows(cursor, UINT32_MAX, SIZE_MAX, FlowFilter(), found);
    FlowHandle handle;
    for (const FlowFacts& facts : found)
      if (facts.flow->kind == kind && ((facts.flow->flags & kFlow_core) != 0) == core) handle = {facts.slot, facts.flow->generation};
    return handle;
  }
  const Flow* at(FlowHandle handle) {
    std::vector<FlowFacts> found;
    uint32_t cursor = 0;
    FlowFilter filter;
    filter.slot = handle.slot;
    filter.generation = handle.generation;
    shard_->inspect().flows(cursor, 1, 1, filter, found);
    return found.empty() ? nullptr : found[0].flow;
  }
  // A Route line with the token of a connection.
  std::string route_to(FlowHandle handle, uint16_t listener = kCoreTcp, uint8_t shard = 0) const {
    FlowName name;
    name.shard = shard;
    name.boot = shard_->config().boot;
    name.slot = handle.slot;
    name.generation = handle.generation;
    return route_to(name, listener);
  }
  std::string route_to(const FlowName& name, uint16_t listener) const {
    char token[kMaxTokenText];
    const size_t size = make_token(kRing, name, Side::core, token);
    const std::string transport = shard_->config().listeners[listener].transport == Transport::udp ? "" : ";transport=tcp";
    return "Route: <sip:" + std::string(token, size) + "@127.0.0.1:" + std::to_string(port(listener)) + transport + ";lr>\r\n";
  }
  std::string route_to_udp(uint16_t client) const {
    FlowName name;
    name.kind = FlowKind::udp;
    name.shard = shard_->config().shard;
    name.birth = birth_at(time.unix_seconds());
    name.remote = address("127.0.0.1", client);
    name.local = shard_->config().listeners[kClientUdp].bound;
    return route_to(name, kCoreUdp);
  }

  SetTime time;

 private:
  void make(const EdgeConfig& config, const std::vector<ListenerSockets::Place>& places, const std::vector<int>& given) {
    std::vector<Ring*> all;
    for (const auto& ring : rings_->rings) all.push_back(ring.get());
    ListenerSockets::Failed failed;
    if (given.empty()) CHECK_EQ(sockets_.open(places, 1, &failed), 0);
    else sockets_.take_over(places, {given});
    shard_ = std::make_unique<Shard>(config, kRing, records_, verdicts_, counters_, all, rings_->wakes, sockets_.of(0), rings_->commons, time);
  }
  void step(uint64_t milliseconds) {
    time.ms += milliseconds;
    usleep(60'000);  // the shard's timer is real
    turn();
  }

  std::shared_ptr<Rings> rings_;
  int32_t records_[k_batch_size * k_record_fields] = {};
  int32_t verdicts_[k_batch_size * k_verdict_fields] = {};
  int64_t counters_[static_cast<size_t>(Counter::count_)] = {};
  ListenerSockets sockets_;
  std::unique_ptr<Shard> shard_;
};

// Alice registers from a new connection, or from a new port over UDP.
inline Peer register_alice(ShardRig& rig, const Peer& core, Transport transport) {
  const bool is_tcp = transport == Transport::tcp;
  Peer phone = is_tcp ? Peer::tcp(rig.port(ShardRig::kClientTcp)) : Peer::udp(rig.port(ShardRig::kClientUdp));
  const std::string contact = std::string("Contact: <sip:alice@10.0.0.1") + (is_tcp ? ";transport=tcp" : "") + ";ob>";
  phone.send(Request{.method = "REGISTER", .transport = is_tcp ? "TCP" : "UDP", .lines = contact + ";reg-id=1;+sip.instance=\"<urn:x>\"\r\nSupported: outbound, path\r\n"}.text());
  const std::string request = rig.hear(core, "REGISTER");
  core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200, contact + ";expires=600\r\n"));
  rig.hear(phone, "200 Whatever");
  return phone;
}

// A shard and its core, over UDP.
struct Scene {
  explicit Scene(const ShardRig::Change& change = nullptr) : rig(change), core(Peer::bound(SOCK_DGRAM)) { rig.upstreams({{Transport::udp, core.port()}}); }
  ShardRig rig;
  Peer core;
};

}  // namespace sluice::test
