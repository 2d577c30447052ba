// One request and its answer, from either end of the edge: what each side sends, what it must find in what it gets.
#pragma once

#include <string>
#include <vector>

#include "clients.h"
#include "clock.h"
#include "core_peer.h"
#include "histogram.h"
#include "ledger.h"
#include "requests.h"

namespace sluice::bench {

enum class Workload { kRegister, kTerminate, kOriginate, kKeepAlive };

struct Tally {
  uint64_t done = 0;
  uint64_t mismatched = 0;
  uint64_t rounds = 0;
  uint64_t empty_rounds = 0;
};

class Exchange {
 public:
  // `bare`: nothing between the two sides adds a Path, as with the floor.
  Exchange(Clients& clients, CorePeer& core, const Requests& requests, uint32_t flows, bool bare)
      : clients_(clients), core_(core), requests_(requests), bare_(bare), routes_(flows), registered_(flows), pings_(flows) {}

  void start(Workload workload, uint32_t flow, int64_t when) {
    uint32_t seq = ledger_.open(flow, when);
    if (workload == Workload::kKeepAlive) {
      pings_[flow] = seq;
      return clients_.ping(flow);
    }
    if (workload == Workload::kTerminate) {
      char* begin = core_.room();
      char* at = requests_.core_message_head.write(begin, flow, seq);
      std::memcpy(at, routes_[flow].data(), routes_[flow].size());
      at = requests_.core_message_tail.write(at + routes_[flow].size(), flow, seq);
      core_.commit(static_cast<size_t>(at - begin));
    } else {
      const TemplateText& text = workload == Workload::kRegister ? requests_.client_register : requests_.client_message;
      char* begin = clients_.room();
      clients_.commit(flow, static_cast<size_t>(text.write(begin, flow, seq) - begin));
    }
  }

  size_t client_got(uint32_t flow, const Message& m, char* answer) {
    if (m.response) {
      if (m.status == 200 && m.seq != kNoNumber && flow < registered_.size() && m.path.count > 0) registered_[flow] = true;
      if (bare_ && flow < registered_.size()) registered_[flow] = true;
      finish(flow, m);
      return 0;
    }
    // A request that comes out at another client than its token named is the worst that an edge can do.
    if (m.flow != flow || (m.routes > 0 && !bare_)) return mismatch("request at the wrong client, or with our Route left in it", m);
    return write_response(m, answer, Datagrams::kRoom);
  }

  size_t core_got(const Message& m, char* answer) {
    if (m.response) {
      finish(m.flow, m);
      return 0;
    }
    // Edges ask with it whether the core is alive.
    if (m.method == "OPTIONS") return write_response(m, answer, Datagrams::kRoom);
    if (m.flow >= routes_.size()) return mismatch("request of no flow", m);
    if (m.method == "REGISTER" && !bare_) {
      if (m.path.count == 0) return mismatch("REGISTER without a Path", m);
      learn_route(m);
    }
    return write_response(m, answer, Datagrams::kRoom);
  }

  void pongs_arrived() {
    for (uint32_t flow : clients_.ponged()) {
      int64_t opened = 0;
      if (ledger_.close(pings_[flow], flow, opened) != Ledger::Outcome::kDone) continue;
      ++tally_.done;
      latencies_.add(now_ns() - opened);
    }
    clients_.ponged().clear();
  }

  bool registered(uint32_t flow) const noexcept { return registered_[flow]; }
  Ledger& ledger() noexcept { return ledger_; }
  Histogram& latencies() noexcept { return latencies_; }
  Tally& tally() noexcept { return tally_; }

 private:
  void learn_route(const Message& m) {
    std::string route;
    for (size_t i = 0; i < m.path.count; ++i) route.append("Route: ").append(value_of(m.path.line[i])).append("\r\n");
    if (routes_[m.flow] != route && route.size() < 1024) routes_[m.flow] = route;
  }

  void finish(uint32_t flow, const Message& m) {
    int64_t opened = 0;
    if (m.status < 200) return;
    if (m.seq == kNoNumber || !branch_agrees(m)) return void(mismatch("response with another branch or more than our Via", m));
    switch (ledger_.close(m.seq, flow, opened)) {
      case Ledger::Outcome::kUnknown: return void(mismatch("response to nothing that waits: late or twice", m));
      case Ledger::Outcome::kWrongFlow: return void(mismatch("response on the wrong flow", m));
      case Ledger::Outcome::kDone: break;
    }
    if (m.status != 200) return void(mismatch("response that is no 200", m));
    ++tally_.done;
    latencies_.add(now_ns() - opened);
  }

  // The first one is shown, since the count alone helps nobody; one while the flows register is not in the count. Returns 0: no answer.
  size_t mismatch(const char* why, const Message& m) {
    if (tally_.mismatched++ > 0) return 0;
    std::fprintf(stderr, "load: %s: %s %d, flow %08x, %zu Via, %zu Route, Call-ID %.*s\n", why,
                 std::string(m.response ? "response" : m.method).c_str(), m.status, m.flow, m.via.count, m.routes,
                 static_cast<int>(value_of(m.call_id).size()), value_of(m.call_id).data());
    return 0;
  }

  Clients& clients_;
  CorePeer& core_;
  const Requests& requests_;
  bool bare_;
  std::vector<std::string> routes_;
  std::vector<bool> registered_;
  std::vector<uint32_t> pings_;  // the last of each flow
  Ledger ledger_;
  Histogram latencies_;
  Tally tally_;
};

}  // namespace sluice::bench
