// What all workloads share: the two sides of the edge, their rounds of sending and receiving, and the measured phases of a load.
#pragma once

#include <poll.h>
#include <signal.h>

#include <deque>
#include <memory>

#include "attackers.h"
#include "exchange.h"
#include "json_line.h"
#include "options.h"
#include "process_tree.h"

namespace sluice::bench {

// By SIGTERM: the phase that runs ends as if its time were over.
inline volatile sig_atomic_t is_told_to_end = 0;

struct Sample {
  int64_t when = 0;
  int64_t cpu = 0;
  uint64_t done = 0, messages = 0;
};

struct Phase {
  Sample from, to;
  uint64_t sent = 0, lost = 0, mismatched = 0;
  // Attacks, and how many of them reached the core.
  uint64_t attacks = 0, let_through = 0;
  uint64_t held = 0;  // calls that were up all the time
  // Unanswered requests when the phase ended, and how late the load itself was then.
  uint64_t waiting = 0;
  int64_t late = 0;
  Histogram latencies;

  double seconds() const noexcept { return static_cast<double>(to.when - from.when) / 1e9; }
  double done() const noexcept { return static_cast<double>(to.done - from.done); }
  double messages() const noexcept { return static_cast<double>(to.messages - from.messages); }
};

// "mixed": each of these has a fifth of the flows, and a port of its own, so far behind that of --edge.
constexpr const char* kMixed[] = {"tcp", "ws", "tls", "wss", "udp"};
constexpr uint16_t kFirstMixedPort = 20;

class Engine {
 public:
  explicit Engine(const Options& o)
      : client_(o.text("client")),
        streams_(client_ != "udp"),
        one_socket_(!streams_ && o.is("sockets", "one")),
        core_tcp_(o.is("core-leg", "tcp")),
        sleeps_(o.number("sleep") != 0),
        bare_(o.number("bare") != 0),
        flows_(static_cast<uint32_t>(o.number("flows"))),
        window_(static_cast<uint32_t>(o.number("window"))),
        timeout_(o.number("timeout-ms") * 1000000LL),
        attack_interval_(interval_of(o.real("attacks") * Attackers::steps(streams_))),
        hold_(static_cast<uint32_t>(o.number("hold"))),
        tell_every_(static_cast<int64_t>(o.real("progress") * 1e9)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        core_epoll_(epoll_create1(EPOLL_CLOEXEC)),
        requests_(requests_for(o)),
        clients_(streams_ ? ClientKind::kStreams : one_socket_ ? ClientKind::kOneSocket : ClientKind::kSockets, ways_to(o), epoll_),
        core_(core_tcp_, parse_address(o.text("core")), core_epoll_, o.text("by").empty() ? sockaddr_in{} : parse_address(o.text("by"))),
        exchange_(clients_, core_, requests_, flows_, bare_),
        edge_address_(parse_address(o.text("edge"))),
        edge_(static_cast<pid_t>(o.number("pid"))) {
    TemplateText::spread = static_cast<size_t>(o.number("spread"));
    exchange_.slow_core(o.real("core-rate"));
  }

  // Opens flows up to a number and registers each once it is open, so that the edge knows the flow and the core its token.
  // At most `at_once` are in progress; `registering`: REGISTERs of these. False: it takes too long.
  bool open_and_register(uint32_t flows, uint32_t at_once, uint32_t registering = 0) {
    if (registering == 0) registering = at_once;
    const uint32_t first = clients_.flows();
    const int64_t deadline = now_ns() + kPatience;
    std::deque<uint32_t> queue;
    uint32_t registered = 0;
    clients_.redial(true);
    while (registered < flows - first) {
      if (now_ns() > deadline || is_told_to_end) {
        registered = 0;
        for (uint32_t flow = first; flow < clients_.flows(); ++flow) registered += exchange_.registered(flow);
        std::fprintf(stderr, "load: of %u flows %u could register; %u are on their way, %llu were refused and %llu cut off\n", flows - first, registered,
                     clients_.opening(), static_cast<unsigned long long>(clients_.refused()), static_cast<unsigned long long>(clients_.closed()));
        return false;
      }
      clients_.open(flows, at_once);
      for (uint32_t flow : clients_.opened()) exchange_.forget(flow), queue.push_back(flow);
      clients_.opened().clear();
      while (!queue.empty() && exchange_.ledger().open_count() < registering) {
        exchange_.start(Workload::kRegister, queue.front(), now_ns());
        queue.pop_front();
      }
      expire_and_round();
      exchange_.take_due(now_ns(), queue);
      if (exchange_.has_put_off() || !queue.empty() || clients_.opening() > 0 || clients_.flows() < flows || exchange_.ledger().open_count() > 0) continue;
      // Retry what was lost over UDP, or refused because the edge was not ready.
      registered = 0;
      for (uint32_t flow = first; flow < flows; ++flow) exchange_.registered(flow) ? void(++registered) : queue.push_back(flow);
    }
    clients_.redial(false);
    return true;
  }

  // Attackers of one kind, from addresses that no others have had: a source that is banned for one kind would spare the edge the work of the next.
  std::unique_ptr<Attackers> attackers(const std::string& kind) {
    const auto block = static_cast<uint8_t>(Attackers::kFirstBlock + blocks_++ % 50);
    auto some = std::make_unique<Attackers>(streams_, client_ == "ws", edge_address_, kind, block);
    some->forge(exchange_.route(0));
    return some;
  }

  // Starts `rate` exchanges per second, whatever comes back; with rate 0, keeps `window` of them waiting. Ends when none is waiting.
  Phase run(Workload workload, double rate, double warmup, double seconds, Attackers* attackers = nullptr) {
    const int64_t interval = interval_of(rate);
    hold_calls();
    const int64_t begin = now_ns();
    const int64_t from = begin + static_cast<int64_t>(warmup * 1e9);
    const int64_t until = from + static_cast<int64_t>(seconds * 1e9);
    int64_t due = begin, attack_due = begin;
    Phase phase;
    bool warm = false;
    int64_t told = begin;
    for (int64_t now = begin; now < until && !is_told_to_end; now = now_ns()) {
      if (tell_every_ > 0 && now - told >= tell_every_) told = now, tell(static_cast<double>(now - begin) / 1e9);
      if (!warm && now >= from) warm = true, start_of_count(phase, attackers);
      // Latency counts from when the request was due, not from when the program got round to sending it.
      for (unsigned burst = 0; burst < Datagrams::kBatch; ++burst) {
        if (interval > 0 ? due > now : exchange_.ledger().open_count() >= window_) break;
        exchange_.start(workload, flow_, interval > 0 ? due : now);
        due += interval;
        if (++flow_ == flows_) flow_ = 0;
      }
      for (unsigned burst = 0; attackers != nullptr && attack_interval_ > 0 && attack_due <= now && burst < 16; ++burst, attack_due += attack_interval_) attackers->attack();
      expire_and_round();
    }
    phase.to = sample();
    phase.waiting = exchange_.ledger().open_count();
    phase.late = interval > 0 ? std::max<int64_t>(0, phase.to.when - due) : 0;
    phase.latencies = exchange_.latencies();
    phase.held = exchange_.held();
    exchange_.end_held();
    while (exchange_.ledger().open_count() > 0) expire_and_round();
    phase.sent = exchange_.ledger().opened() - phase.sent;
    phase.lost = exchange_.ledger().lost() - phase.lost;
    phase.mismatched = exchange_.tally().mismatched - phase.mismatched;
    phase.attacks = attackers != nullptr ? attackers->sent() - phase.attacks : 0;
    phase.let_through = exchange_.tally().let_through - phase.let_through;
    return phase;
  }

  void settle() {
    for (int64_t until = now_ns() + 1500000000LL; now_ns() < until; usleep(1000)) round();
  }

  Sample sample() { return {now_ns(), edge_.cpu_ns(), exchange_.tally().done, exchange_.tally().messages}; }
  uint32_t flows() const noexcept { return flows_; }
  uint32_t window() const noexcept { return window_; }
  Clients& clients() noexcept { return clients_; }
  Exchange& exchange() noexcept { return exchange_; }
  const ProcessTree& edge() const noexcept { return edge_; }

 private:
  static constexpr int64_t kPatience = 60 * 1000000000LL;

  static std::vector<Clients::Way> ways_to(const Options& o) {
    const sockaddr_in edge = parse_address(o.text("edge"));
    const std::string client = o.text("client");
    if (client != "mixed") return {{{client == "tls" || client == "wss", client == "ws" || client == "wss"}, edge}};
    std::vector<Clients::Way> ways;
    for (const std::string transport : kMixed) {
      sockaddr_in at = edge;
      at.sin_port = htons(static_cast<uint16_t>(ntohs(edge.sin_port) + kFirstMixedPort + ways.size()));
      ways.push_back({{transport == "tls" || transport == "wss", transport == "ws" || transport == "wss", transport == "udp"}, at});
    }
    return ways;
  }

  static RequestsOf requests_for(const Options& o) {
    RequestsOf requests;
    const auto add = [&](const std::string& client) {
      requests.list.push_back(make_requests(client, o.text("core-leg"), o.text("core"), static_cast<size_t>(o.number("size"))));
    };
    if (!o.is("client", "mixed")) add(o.text("client"));
    else for (const char* transport : kMixed) add(transport);
    return requests;
  }

  // Spread over the flows; the run begins when all are up.
  void hold_calls() {
    for (uint32_t i = 0; i < hold_; ++i) exchange_.hold(static_cast<uint32_t>(uint64_t{i} * flows_ / hold_));
    for (const int64_t until = now_ns() + timeout_; exchange_.held() < hold_ && now_ns() < until;) expire_and_round();
  }

  // What is known so far, for whoever does not want to wait for the end.
  void tell(double seconds) {
    JsonLine line;
    line.text("workload", "progress").real("seconds", seconds).count("sent", exchange_.ledger().opened()).count("done", exchange_.tally().done);
    line.count("lost", exchange_.ledger().lost()).count("mismatched", exchange_.tally().mismatched).count("held", exchange_.held());
    line.count("closed", clients_.closed()).count("waiting", exchange_.ledger().open_count()).print_line();
    std::fflush(stdout);
  }

  static int64_t interval_of(double rate) noexcept { return rate > 0 ? static_cast<int64_t>(1e9 / rate) : 0; }

  void start_of_count(Phase& phase, const Attackers* attackers) {
    phase.from = sample();
    exchange_.latencies() = Histogram();
    phase.lost = exchange_.ledger().lost();
    phase.mismatched = exchange_.tally().mismatched;
    phase.sent = exchange_.ledger().opened();
    phase.attacks = attackers != nullptr ? attackers->sent() : 0;
    phase.let_through = exchange_.tally().let_through;
    exchange_.tally().rounds = exchange_.tally().empty_rounds = 0;
  }

  void expire_and_round() {
    if ((++turns_ & 255) == 0) exchange_.ledger().expire(now_ns() - timeout_);
    round();
  }

  // Sends what is composed, then takes what has arrived. Spins by default: otherwise the edge would pay for waking the load program.
  void round() {
    clients_.flush();
    auto client = [this](uint32_t flow, const Message& m) { ++got_, exchange_.client_got(flow, m); };
    const uint64_t before = got_;
    if (one_socket_) clients_.poll_datagrams(client);
    tend_core();
    if (!one_socket_) {
      constexpr int kBetweenLooks = 4;
      epoll_event events[256];
      int n = epoll_wait(epoll_, events, 256, 0);
      for (int i = 0; i < n; ++i) {
        clients_.ready(static_cast<uint32_t>(events[i].data.u64), events[i].events, client);
        // A real core does not wait for its clients' handshakes.
        if (i % kBetweenLooks == kBetweenLooks - 1 && clients_.opening() > 0) tend_core();
      }
    }
    got_ += clients_.ponged().size();
    exchange_.pongs_arrived();
    Tally& tally = exchange_.tally();
    ++tally.rounds;
    if (got_ == before) {
      ++tally.empty_rounds;
      if (sleeps_) {
        pollfd any[] = {{epoll_, POLLIN, 0}, {core_epoll_, POLLIN, 0}, {clients_.datagram_fd(), POLLIN, 0}, {core_.datagram_fd(), POLLIN, 0}};
        poll(any, 4, 1);
      }
    }
    clients_.flush();
    core_.flush();
  }

  void tend_core() {
    auto core = [this](const Message& m) { ++got_, exchange_.core_got(m); };
    exchange_.serve(now_ns());
    core_.flush();
    if (!core_tcp_) return core_.poll_datagrams(core);
    epoll_event events[16];
    const int n = epoll_wait(core_epoll_, events, 16, 0);
    for (int i = 0; i < n; ++i) core_.stream_ready(events[i].data.u64, events[i].events, core);
  }

  std::string client_;
  bool streams_, one_socket_, core_tcp_, sleeps_, bare_;
  uint32_t flows_, window_, flow_ = 0;
  int64_t timeout_, attack_interval_;
  uint32_t hold_;
  int64_t tell_every_;
  int epoll_, core_epoll_;
  RequestsOf requests_;
  Clients clients_;
  CorePeer core_;
  Exchange exchange_;
  sockaddr_in edge_address_;
  unsigned blocks_ = 0;
  ProcessTree edge_;
  uint64_t turns_ = 0, got_ = 0;
};

}  // namespace sluice::bench
