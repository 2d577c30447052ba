// One exchange from either side of the edge: what each side sends, and what it must find in what it receives.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "calls.h"
#include "clock.h"
#include "histogram.h"

namespace sluice::bench {

// kMixed is an edge's everyday work: of 25 exchanges 20 are keep-alives, 3 refreshes, 2 calls. kGood contains nothing that an edge may
// leave unanswered.
enum class Workload { kRegister, kTerminate, kOriginate, kKeepAlive, kCall, kMixed, kGood };

class Exchange {
 public:
  // `bare`: nothing between the two sides adds a Path, as with the floor.
  Exchange(Clients& clients, CorePeer& core, const RequestsOf& requests, uint32_t flows, bool bare)
      : clients_(clients),
        core_(core),
        requests_(requests),
        bare_(bare),
        calls_(clients, core, requests, ledger_, tally_, flows, bare),
        routes_(flows),
        registered_(flows),
        pings_(flows),
        refused_(flows) {}

  void start(Workload workload, uint32_t flow, int64_t when) {
    uint32_t seq = ledger_.open(flow, when);
    switch (workload == Workload::kMixed || workload == Workload::kGood ? next_of(workload) : workload) {
      case Workload::kKeepAlive:
        pings_[flow] = seq;
        return clients_.ping(flow);
      case Workload::kCall:
        return calls_.start(flow, seq, routes_[flow]);
      case Workload::kTerminate: {
        core_.choose(flow);
        char* begin = core_.room();
        return core_.commit(static_cast<size_t>(requests_.of(flow).core_message.write(begin, routes_[flow], flow, seq) - begin));
      }
      case Workload::kOriginate:
        return send_from_client(requests_.of(flow).client_message, flow, seq);
      default:
        return send_from_client(requests_.of(flow).client_register, flow, seq);
    }
  }

  // A call that is up until end_held().
  void hold(uint32_t flow) { calls_.start_held(flow, ledger_.open(flow, now_ns()), routes_[flow]); }
  void end_held() { calls_.end_held(now_ns()); }
  size_t held() const noexcept { return calls_.held(); }

  void client_got(uint32_t flow, const Message& m) {
    if (flow >= registered_.size()) return;
    if (m.response) {
      if (bare_ || (m.status == 200 && m.seq != kNoNumber && m.path.count > 0)) registered_[flow] = true;
      return finish(flow, m);
    }
    // Delivering a request to a client other than the one its token names is the worst thing an edge can do.
    if (m.flow != flow || (m.routes > 0 && !bare_)) return tally_.mismatch("request at the wrong client, or with our Route left in it", m);
    if (m.method == "INVITE" || m.method == "ACK" || m.method == "BYE") return calls_.client_got(flow, m);
    clients_.commit(flow, write_response(m, clients_.room(), Datagrams::kRoom));
  }

  void core_got(const Message& m) {
    if (value_of(m.call_id) == kAttackId) return void(++tally_.let_through);
    if (m.response) return cseq_method(m) == "INVITE" ? calls_.core_got_response(m) : finish(m.flow, m);
    // Edges use OPTIONS to check that the core is alive.
    if (m.method != "OPTIONS") {
      if (m.flow >= routes_.size()) return tally_.mismatch("request of no flow", m);
      if (m.method == "REGISTER") {
        if (m.path.count == 0 && !bare_) return tally_.mismatch("REGISTER without a Path", m);
        if (!bare_) learn_route(m);
        core_.learn(m.flow);
      }
      if (m.method == "BYE" && m.routes > 0 && !bare_) return tally_.mismatch("BYE with a Route left in it", m);
    }
    const size_t size = write_response(m, core_.room(), Datagrams::kRoom);
    if (core_rate_ > 0 && m.method == "REGISTER") return answers_.emplace_back(core_.room(), size), void();
    core_.commit(size);
  }

  // The core answers so many REGISTERs a second and lets the others wait. 0: any number.
  void slow_core(double rate) { core_rate_ = rate; }
  void serve(int64_t now) {
    credit_ = std::min(credit_ + core_rate_ * static_cast<double>(now - served_) / 1e9, std::max(core_rate_ / 4, 1.0));  // a load that has to wait for the CPU catches up
    served_ = now;
    for (; credit_ >= 1 && !answers_.empty(); credit_ -= 1) {
      std::memcpy(core_.room(), answers_.front().data(), answers_.front().size());
      core_.commit(answers_.front().size());
      answers_.pop_front();
    }
  }

  // Flows that were told to come back later, and whose time has come.
  template <typename Flows>
  void take_due(int64_t now, Flows& out) {
    for (size_t i = 0; i < put_off_.size();) {
      if (put_off_[i].first > now) {
        ++i;
        continue;
      }
      out.push_back(put_off_[i].second);
      put_off_[i] = put_off_.back();
      put_off_.pop_back();
    }
  }
  bool has_put_off() const noexcept { return !put_off_.empty(); }
  // How often the edge or the core said 503, and how often to one flow.
  uint64_t refusals() const noexcept { return refusals_; }
  uint32_t most_refusals() const { return *std::max_element(refused_.begin(), refused_.end()); }

  void pongs_arrived() {
    for (uint32_t flow : clients_.ponged()) {
      int64_t opened = 0;
      if (ledger_.close(pings_[flow], flow, opened) == Ledger::Outcome::kDone) count(opened, 2);
    }
    clients_.ponged().clear();
  }

  bool registered(uint32_t flow) const noexcept { return registered_[flow]; }
  // A flow with a new connection must register again.
  void forget(uint32_t flow) { registered_[flow] = false; }
  const std::string& route(uint32_t flow) const noexcept { return routes_[flow]; }
  Ledger& ledger() noexcept { return ledger_; }
  Histogram& latencies() noexcept { return latencies_; }
  Tally& tally() noexcept { return tally_; }

 private:
  // Steps of seven through a period of 25, so that the kinds are mixed.
  Workload next_of(Workload workload) noexcept {
    const uint32_t turn = turn_++ * 7 % 25;
    if (workload == Workload::kGood) return turn % 3 == 0 ? Workload::kRegister : turn % 3 == 1 ? Workload::kTerminate : Workload::kCall;
    return turn < 20 ? Workload::kKeepAlive : turn < 23 ? Workload::kRegister : Workload::kCall;
  }

  void send_from_client(const TemplateText& text, uint32_t flow, uint32_t seq) {
    char* begin = clients_.room();
    clients_.commit(flow, static_cast<size_t>(text.write(begin, flow, seq) - begin));
  }

  void learn_route(const Message& m) {
    std::string route;
    for (size_t i = 0; i < m.path.count; ++i) route.append("Route: ").append(value_of(m.path.line[i])).append("\r\n");
    if (routes_[m.flow] != route && route.size() < 1024) routes_[m.flow] = route;
  }

  void finish(uint32_t flow, const Message& m) {
    int64_t opened = 0;
    if (m.status < 200) return;
    if (m.seq == kNoNumber || !branch_agrees(m)) return tally_.mismatch("response with another branch or more than our Via", m);
    const bool call = cseq_method(m) == "BYE";
    if (call && !calls_.complete(m)) return tally_.mismatch("end of a call that lacks a step", m);
    switch (ledger_.close(m.seq, flow, opened)) {
      case Ledger::Outcome::kLate: return tally_.mismatch("response to what was given up as lost", m);
      case Ledger::Outcome::kTwice: return tally_.mismatch("response to what has been answered", m);
      case Ledger::Outcome::kUnknown: return tally_.mismatch("response to nothing that was asked lately", m);
      case Ledger::Outcome::kWrongFlow: return tally_.mismatch("response on the wrong flow", m);
      case Ledger::Outcome::kDone: break;
    }
    if (m.status == 503 && core_rate_ > 0) return put_off(flow, m);
    if (m.status != 200) return tally_.mismatch("response that is no 200", m);
    count(opened, call ? Calls::kMessages : 2);
  }

  void put_off(uint32_t flow, const Message& m) {
    ++refusals_;
    ++refused_[flow];
    put_off_.push_back({now_ns() + std::max<int64_t>(1, m.retry_after) * 1'000'000'000, flow});
  }

  void count(int64_t opened, unsigned messages) {
    ++tally_.done;
    tally_.messages += messages;
    latencies_.add(now_ns() - opened);
  }

  Clients& clients_;
  CorePeer& core_;
  const RequestsOf& requests_;
  bool bare_;
  Ledger ledger_;
  Histogram latencies_;
  Tally tally_;
  Calls calls_;
  std::vector<std::string> routes_;
  std::vector<bool> registered_;
  std::vector<uint32_t> pings_;  // the last ping of each flow
  uint32_t turn_ = 0;
  double core_rate_ = 0, credit_ = 0;
  int64_t served_ = 0;
  std::deque<std::string> answers_;
  std::vector<std::pair<int64_t, uint32_t>> put_off_;
  std::vector<uint32_t> refused_;
  uint64_t refusals_ = 0;
};

}  // namespace sluice::bench
