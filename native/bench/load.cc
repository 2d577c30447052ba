// The load program: the clients and the core of any RFC 5626 edge in one process on one core. Prints one line of JSON.
#include <poll.h>
#include <sys/resource.h>

#include "lib/exchange.h"
#include "lib/json_line.h"
#include "lib/options.h"
#include "lib/process_tree.h"

namespace {

using namespace sluice::bench;

struct Sample {
  int64_t when = 0;
  int64_t cpu = 0;
  uint64_t done = 0;
};

class Load {
 public:
  explicit Load(const Options& options)
      : o_(options),
        client_tcp_(o_.is("client", "tcp")),
        one_socket_(!client_tcp_ && o_.is("sockets", "one")),
        core_tcp_(o_.is("core-leg", "tcp")),
        sleeps_(o_.number("sleep") != 0),
        flows_(static_cast<uint32_t>(o_.number("flows"))),
        window_(static_cast<uint32_t>(o_.number("window"))),
        timeout_(o_.number("timeout-ms") * 1000000LL),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        requests_(make_requests(client_tcp_, core_tcp_, o_.text("core"), static_cast<size_t>(o_.number("size")))),
        clients_(client_tcp_ ? ClientKind::kStreams : one_socket_ ? ClientKind::kOneSocket : ClientKind::kSockets,
                 parse_address(o_.text("edge")), epoll_),
        core_(core_tcp_, parse_address(o_.text("core")), epoll_),
        exchange_(clients_, core_, requests_, flows_, o_.number("bare") != 0),
        edge_(static_cast<pid_t>(o_.number("pid"))) {}

  int run() {
    memory_before_ = edge_.memory();
    if (o_.is("workload", "idle")) return idle();
    if (o_.is("workload", "storm")) return storm();
    if (!open_and_register(flows_)) return 1;
    Workload workload = o_.is("workload", "terminate")   ? Workload::kTerminate
                        : o_.is("workload", "originate") ? Workload::kOriginate
                        : o_.is("workload", "keepalive") ? Workload::kKeepAlive
                                                         : Workload::kRegister;
    measure(workload);
    return 0;
  }

 private:
  // Each flow registers once, so that the edge knows it and the core its token; UDP may need a second try.
  bool open_and_register(uint32_t flows) {
    uint32_t first = clients_.flows();
    for (uint32_t to = first; to < flows;) {
      to = std::min(flows, to + 256);
      if (!clients_.open(to)) die("cannot open a flow");
      round();
    }
    const uint64_t tolerable = exchange_.ledger().lost() + flows / 4 + 64;
    for (uint32_t missing = 1; missing > 0 && exchange_.ledger().lost() < tolerable;) {
      missing = 0;
      for (uint32_t flow = first; flow < flows && exchange_.ledger().lost() < tolerable; ++flow) {
        if (exchange_.registered(flow)) continue;
        ++missing;
        while (exchange_.ledger().open_count() >= std::min(window_, 64u)) expire_and_round();
        exchange_.start(Workload::kRegister, flow, now_ns());
      }
      while (exchange_.ledger().open_count() > 0) expire_and_round();
      if (missing == 0) return true;
      if (exchange_.tally().mismatched > tolerable) break;
    }
    std::fprintf(stderr, "load: not all flows could register\n");
    return false;
  }

  void measure(Workload workload) {
    const double rate = o_.real("rate");
    const int64_t interval = rate > 0 ? static_cast<int64_t>(1e9 / rate) : 0;
    const int64_t begin = now_ns();
    const int64_t from = begin + static_cast<int64_t>(o_.real("warmup") * 1e9);
    const int64_t until = from + static_cast<int64_t>(o_.real("seconds") * 1e9);
    int64_t due = begin;
    uint32_t flow = 0;
    bool warm = false;
    for (int64_t now = begin; now < until; now = now_ns()) {
      if (!warm && now >= from) {
        warm = true;
        start_of_count();
      }
      // Latency counts from when the request was due, not from when the program came to send it.
      for (unsigned burst = 0; burst < Datagrams::kBatch; ++burst) {
        if (interval > 0 ? due > now : exchange_.ledger().open_count() >= window_) break;
        exchange_.start(workload, flow, interval > 0 ? due : now);
        due += interval;
        if (++flow == flows_) flow = 0;
      }
      expire_and_round();
    }
    Sample end = sample();
    Histogram latencies = exchange_.latencies();
    while (exchange_.ledger().open_count() > 0) expire_and_round();
    print(end, latencies);
  }

  // Memory is counted between a tenth of the flows and all of them, so that what an edge allocates once does not count.
  int idle() {
    uint32_t few = flows_ / 10 + 1;
    if (!open_and_register(few)) return 1;
    settle();
    memory_before_ = edge_.memory();
    if (!open_and_register(flows_)) return 1;
    settle();
    Memory after = edge_.memory();
    double flows = flows_ - few;
    JsonLine line = begin_line();
    line.real("counted_flows", flows).count("closed", clients_.closed());
    line.real("pss_bytes_per_flow", static_cast<double>(after.pss_kib - memory_before_.pss_kib) * 1024 / flows);
    print_memory(line, after);
    return 0;
  }

  // All clients come at once, as after a restart of the edge: how long until each has registered.
  int storm() {
    const Sample begin = sample();
    if (!open_and_register(flows_)) return 1;
    const Sample end = sample();
    JsonLine line = begin_line();
    line.real("seconds_until_all", static_cast<double>(end.when - begin.when) / 1e9).real("edge_cpu_seconds", static_cast<double>(end.cpu - begin.cpu) / 1e9);
    line.count("lost", exchange_.ledger().lost()).count("mismatched", exchange_.tally().mismatched).count("closed", clients_.closed());
    print_memory(line, edge_.memory());
    return 0;
  }

  void settle() {
    for (int64_t until = now_ns() + 1500000000LL; now_ns() < until; usleep(1000)) round();
  }

  void start_of_count() {
    start_ = sample();
    exchange_.latencies() = Histogram();
    lost_before_ = exchange_.ledger().lost();
    mismatched_before_ = exchange_.tally().mismatched;
    sent_before_ = exchange_.ledger().opened();
    exchange_.tally().rounds = exchange_.tally().empty_rounds = 0;
  }

  Sample sample() { return {now_ns(), edge_.cpu_ns(), exchange_.tally().done}; }

  void expire_and_round() {
    if ((++turns_ & 255) == 0) exchange_.ledger().expire(now_ns() - timeout_);
    round();
  }

  // Sends what is composed, then takes what has arrived. By default it spins: the edge would have to pay for waking a load that sleeps.
  void round() {
    clients_.flush();
    core_.flush();
    auto client = [this](uint32_t flow, const Message& m, char* answer) { return ++got_, exchange_.client_got(flow, m, answer); };
    auto core = [this](const Message& m, char* answer) { return ++got_, exchange_.core_got(m, answer); };
    const uint64_t before = got_;
    if (one_socket_) clients_.poll_datagrams(client);
    if (!core_tcp_) core_.poll_datagrams(core);
    if (!one_socket_ || core_tcp_) {
      epoll_event events[256];
      int n = epoll_wait(epoll_, events, 256, 0);
      for (int i = 0; i < n; ++i) {
        uint64_t tag = events[i].data.u64;
        if (tag & CorePeer::kTag) {
          core_.stream_ready(tag, events[i].events, core);
        } else {
          clients_.ready(static_cast<uint32_t>(tag), events[i].events, client);
        }
      }
    }
    got_ += clients_.ponged().size();
    exchange_.pongs_arrived();
    Tally& tally = exchange_.tally();
    ++tally.rounds;
    if (got_ == before) {
      ++tally.empty_rounds;
      if (sleeps_) {
        pollfd any[] = {{epoll_, POLLIN, 0}, {clients_.datagram_fd(), POLLIN, 0}, {core_.datagram_fd(), POLLIN, 0}};
        poll(any, 3, 1);
      }
    }
    clients_.flush();
    core_.flush();
  }

  JsonLine begin_line() {
    JsonLine line;
    line.text("workload", o_.text("workload")).text("client", o_.text("client")).text("core_leg", o_.text("core-leg"));
    line.text("sockets", o_.text("sockets")).count("flows", flows_);
    return line;
  }

  void print(const Sample& end, const Histogram& latencies) {
    const Tally& tally = exchange_.tally();
    const double seconds = static_cast<double>(end.when - start_.when) / 1e9;
    const double messages = 2.0 * static_cast<double>(end.done - start_.done);
    const double cpu = static_cast<double>(end.cpu - start_.cpu);
    auto us = [&](double share) { return static_cast<double>(latencies.percentile(share)) / 1e3; };
    JsonLine line = begin_line();
    line.count("window", window_).real("rate", o_.real("rate")).real("size", o_.real("size")).real("seconds", seconds);
    line.count("sent", exchange_.ledger().opened() - sent_before_).count("done", end.done - start_.done);
    line.count("done_in_all", tally.done).count("lost", exchange_.ledger().lost() - lost_before_);
    line.count("mismatched", tally.mismatched - mismatched_before_).count("closed", clients_.closed());
    line.real("messages_per_second", messages / seconds).count("edge_processes", edge_.size()).real("edge_busy", cpu / 1e9 / seconds);
    line.real("edge_cpu_us_per_message", messages > 0 ? cpu / 1e3 / messages : 0);
    line.real("load_empty_rounds", static_cast<double>(tally.empty_rounds) / static_cast<double>(tally.rounds + 1));
    line.real("p50_us", us(0.5)).real("p99_us", us(0.99)).real("p999_us", us(0.999));
    print_memory(line, edge_.memory());
  }

  void print_memory(JsonLine& line, const Memory& after) {
    line.pair("pss_kib", memory_before_.pss_kib, after.pss_kib).pair("rss_kib", memory_before_.rss_kib, after.rss_kib).print_line();
  }

  const Options& o_;
  bool client_tcp_, one_socket_, core_tcp_, sleeps_;
  uint32_t flows_, window_;
  int64_t timeout_;
  int epoll_;
  Requests requests_;
  Clients clients_;
  CorePeer core_;
  Exchange exchange_;
  ProcessTree edge_;
  Memory memory_before_;
  Sample start_;
  uint64_t lost_before_ = 0, mismatched_before_ = 0, sent_before_ = 0, turns_ = 0, got_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options(argc, argv,
                  {{"edge", "127.0.0.1:15060"}, {"core", "127.0.0.1:15070"}, {"client", "udp"},   {"core-leg", "udp"},
                   {"workload", "register"},    {"flows", "1000"},           {"window", "96"},    {"rate", "0"},
                   {"seconds", "3"},            {"warmup", "0.5"},           {"size", "700"},     {"pid", "0"},
                   {"timeout-ms", "1000"},      {"bare", "0"},                {"sockets", "each"},
                   {"sleep", "0"}});
  if (options.text("core").size() != kSentBySize) {
    std::fprintf(stderr, "load: --core must have %zu characters, such as 127.0.0.1:15070\n", kSentBySize);
    return 2;
  }
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  // Too large for the stack with its batches of buffers.
  static Load load(options);
  return load.run();
}
