// A registrar's shard that proxies by numbers, with one user, bob, and a policy that takes whatever it may.
#pragma once

#include "bindings.h"
#include "core/base/now_ns.h"
#include "core/home/binding_store.h"
#include "shard_rig.h"

namespace sluice::proxying_test {
using namespace test;

inline constexpr const char* kAor = "sip:bob@example.com";
inline constexpr const char* kInstance = "urn:uuid:00000000-0000-1000-8000-00000000000a";
inline constexpr uint32_t kSilenceMs = 2'000, kTimerCMs = 180'000;

inline std::shared_ptr<BindingStore> opened(const std::string& folder) {
  BindingStore::Opened opened = BindingStore::open(folder, {1'000, 1 << 20}, 0);
  CHECK(opened.store != nullptr);
  return std::move(opened.store);
}

class ProxyRig : public ShardRig {
 public:
  explicit ProxyRig(const std::string& folder, const Change& change = nullptr)
      : ShardRig([&](EdgeConfig& config) {
          config.home = true;
          if (change) change(config);
        }),
        store(opened(folder)) {
    begin();
  }
  // The successor of that one.
  explicit ProxyRig(ProxyRig& before) : ShardRig(before, [](EdgeConfig& config) { config.home = true; }), store(before.store) { begin(); }

 private:
  void begin() {
    clients_hear_us();
    (*this)->proxying().open(store, 0, silences, rows);
    ProxySettings settings;
    settings.domains.add("example.com", "example.com");
    settings.failover.set(430);
    settings.failover.set(408);
    settings.timer_c_ms = kTimerCMs;
    settings.silence_ms = kSilenceMs;
    (*this)->proxying().configure(std::move(settings));
    policy = [this](unsigned i, const int32_t* record, int32_t* verdict) {
      const auto state = static_cast<RequestState>(rows[i * k_request_fields + kRequest_state]);
      const bool is_answer = record[kRecord_is_response] && (record[kRecord_headers] & static_cast<int32_t>(kHeader_proxied_answer)) != 0;
      if (!record[kRecord_is_response]) states.push_back(state);
      const int32_t twin = rows[i * k_request_fields + kRequest_twin];
      twins += !record[kRecord_is_response] && twin != 0;
      verdict[kVerdict_action] = static_cast<int32_t>(is_answer || twin != 0 || state == RequestState::open || state == RequestState::own ? Action::proxy : Action::object);
      return true;
    };
  }

 public:
  // A flow of bob's phone, behind the edge at this port.
  void add(uint32_t reg_id, uint16_t edge, const std::string& instance = kInstance, uint16_t q = 1'000) {
    KeptBinding one = flow_binding(instance, reg_id, now_ns() / 1'000'000 + 3'600'000);
    one.q = q;
    one.updated = ++updated;
    const std::string route = "<sip:t" + std::to_string(reg_id) + "@127.0.0.1:" + std::to_string(edge) + ";lr;ob>";
    one[Part::path] = std::to_string(route.size()) + ":" + route;
    save(one);
  }
  void add_flow(const std::string& id) {
    KeptBinding one = plain_binding("192.0.2.1", now_ns() / 1'000'000 + 3'600'000);
    one.updated = ++updated;
    one[Part::flow] = id;
    save(one);
  }
  // Where its Contact leads is known to DNS alone.
  void add_named() {
    KeptBinding one = plain_binding("phone.example.net", now_ns() / 1'000'000 + 3'600'000);
    one.updated = ++updated;
    save(one);
  }
  size_t bindings() { return lookup(store->table(), kAor, 0).size(); }
  std::string udp_id(const Peer& peer) { return "u/127.0.0.1/" + std::to_string(port(kClientUdp)) + "/127.0.0.1/" + std::to_string(peer.port()); }
  // What the peer has received once nothing is left to do.
  std::string heard(const Peer& peer) {
    turn();
    return peer.drain();
  }

  RecentSet silences;
  std::shared_ptr<BindingStore> store;
  std::vector<RequestState> states;
  int32_t rows[k_batch_size * k_request_fields] = {};
  uint64_t updated = 1;
  int twins = 0;

 private:
  void save(const KeptBinding& one) {
    RegisterOperation asked;
    asked.aor = kAor;
    asked.call_id = "call";
    asked.cseq = static_cast<uint32_t>(updated);
    asked.max_contacts = 10;
    asked.max_flows = 10;
    asked.now = now_ns() / 1'000'000;
    asked.put.push_back(one.view());
    Found after;
    CHECK(store->table().save(asked, after) == Outcome::saved);
  }
};

// An ACK or CANCEL of the request, as its sender makes it.
inline std::string follow(const Request& request, const std::string& method, const std::string& tag = "") {
  const std::string n = std::to_string(request.number);
  return method + " " + request.uri + " SIP/2.0\r\nVia: SIP/2.0/" + request.transport + " 10.0.0.1:5060;rport;branch=z9hG4bKx" + n +
         "v0\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>" + (tag.empty() ? "" : ";tag=" + tag) + "\r\nCall-ID: c" + n + "\r\nCSeq: 1 " + method +
         "\r\nReason: SIP;cause=200\r\nContent-Length: 0\r\n\r\n";
}

// Over UDP the same request may have come several times.
inline std::string first_of(const std::string& requests) { return requests.substr(0, requests.find("\r\n\r\n") + 4); }

inline Request invite(int number = 1) {
  Request request;
  request.method = "INVITE";
  request.number = number;
  return request;
}

}  // namespace sluice::proxying_test
