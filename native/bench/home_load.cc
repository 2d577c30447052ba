// The load program of the registrar's benchmarks: an edge, its phones and their callers, in one process on one CPU core. Prints one line of
// JSON per workload: first (every flow registers), refresh, message, invite, and check (whatever was answered 200 is there).
#include <signal.h>

#include <fstream>
#include <sstream>

#include "lib/home_peers.h"
#include "lib/json_line.h"
#include "lib/options.h"
#include "lib/process_tree.h"

namespace {

using namespace sluice::bench;

struct HomePhase {
  int64_t when = 0, cpu = 0;
  uint64_t sent = 0, done = 0, wrong = 0, lost = 0, waiting = 0;
  int64_t late = 0;  // ns behind the wanted rate
};

class HomeLoad {
 public:
  explicit HomeLoad(const Options& o)
      : o_(o),
        window_(static_cast<uint32_t>(o.number("window"))),
        timeout_(o.number("timeout-ms") * 1'000'000LL),
        peers_(parse_address(o.text("server")), parse_address(o.text("local")), static_cast<uint32_t>(o.number("aors")), static_cast<uint32_t>(o.number("flows")),
               static_cast<uint32_t>(o.number("devices")), digest_named(o.text("digest")), static_cast<uint32_t>(o.number("expires"))),
        server_(static_cast<pid_t>(o.number("pid"))),
        kill_after_(static_cast<uint64_t>(o.number("kill-after"))) {}

  int run() {
    if (!o_.text("log").empty()) read_log();
    if (o_.number("escaped") != 0) peers_.requests().escape_callees();
    std::istringstream names(o_.text("workload"));
    for (std::string name; std::getline(names, name, ',');) {
      if (name == "first") first();
      else if (name == "check") check();
      else if (name == "refresh") measure(name, HomeWork::kRegister);
      else if (name == "message") measure(name, HomeWork::kMessage);
      else if (name == "invite") measure(name, HomeWork::kInvite);
      else return std::fprintf(stderr, "home_load: no workload %s\n", name.c_str()), 2;
    }
    if (!o_.text("log").empty()) write_log();
    return 0;
  }

 private:
  // Every flow once, again what was lost. Memory is counted from a tenth of the flows on, so that one-off allocations do not count.
  void first() {
    const Memory empty = server_.memory();
    register_all(static_cast<uint32_t>(peers_.phones().size()) / 10);
    const Memory before = server_.memory();
    const HomePhase from = now();
    const uint32_t some = static_cast<uint32_t>(peers_.phones().size()) / 10;
    register_all(static_cast<uint32_t>(peers_.phones().size()));
    const HomePhase to = now();
    const Memory after = server_.memory();
    JsonLine line = begin("first", from, to);
    line.real("octets_a_binding", static_cast<double>(after.pss_kib - before.pss_kib) * 1'024 / static_cast<double>(peers_.phones().size() - some));
    line.pair("pss_kib", empty.pss_kib, after.pss_kib).print_line();
  }

  void register_all(uint32_t until) {
    for (uint32_t tries = 0; tries < 5; ++tries) {
      for (uint32_t number = 0; number < until; ++number) {
        if (peers_.phones()[number].acknowledged != 0) continue;
        while (peers_.ledger().open_count() >= window_) round();
        peers_.start(HomeWork::kRegister, number, now_ns());
      }
      while (peers_.ledger().open_count() > 0) round();
    }
  }

  void measure(const std::string& name, HomeWork work) {
    if (o_.number("search") != 0) return search(name, work);
    pace(work, o_.real("rate"), o_.real("warmup"));
    const auto [from, to] = pace(work, o_.real("rate"), o_.real("seconds"));
    begin(name, from, to).print_line();
  }

  // The highest rate with less than 0.1 % lost, by bisection: a hiccup of the machine must not count, so a rate fails only if it fails twice.
  void search(const std::string& name, HomeWork work) {
    pace(work, 0, o_.real("warmup"));
    const auto [from, to] = pace(work, 0, o_.real("seconds"));
    const double top = static_cast<double>(to.done - from.done) * 1e9 / static_cast<double>(to.when - from.when);
    double low = 0, high = 1.25 * top;
    for (int probe = 0; probe < 7; ++probe) {
      const double rate = probe == 0 ? 0.7 * top : (low + high) / 2;
      bool good = false;
      for (int tries = 0; tries < 2 && !good; ++tries) good = holds(work, rate);
      (good ? low : high) = rate;
    }
    JsonLine line = begin(name, from, to);
    line.real("highest_rate", low).real("resolution", high - low).print_line();
  }

  bool holds(HomeWork work, double rate) {
    const auto [from, to] = pace(work, rate, o_.real("seconds"));
    const uint64_t failed = to.lost - from.lost + to.wrong - from.wrong;
    constexpr int64_t kLate = 20'000'000;
    return static_cast<double>(failed) < 0.001 * static_cast<double>(to.sent - from.sent) && to.late < kLate &&
           static_cast<double>(to.waiting) < rate * kLate / 1e9 + 64;
  }

  // `rate` 0: a closed loop, in which each response starts the next request. Ends early when nothing answers any more.
  std::pair<HomePhase, HomePhase> pace(HomeWork work, double rate, double seconds) {
    peers_.latencies() = Histogram();
    const HomePhase from = now();
    const int64_t end = from.when + static_cast<int64_t>(seconds * 1e9);
    const double interval = rate > 0 ? 1e9 / rate : 0;
    double next = static_cast<double>(from.when);
    heard_ = from.when;
    for (int64_t at = from.when; at < end && at - heard_ < kSilence; at = now_ns()) {
      if (rate > 0) {
        for (unsigned burst = 0; next <= static_cast<double>(at) && burst < Datagrams::kBatch; ++burst, next += interval) peers_.start(work, turn_++, at);
      } else {
        while (peers_.ledger().open_count() < window_) peers_.start(work, turn_++, at);
      }
      round();
    }
    HomePhase to = now();
    if (killed_) to.when = heard_;
    to.late = rate > 0 ? std::max<int64_t>(0, to.when - static_cast<int64_t>(next)) : 0;
    while (peers_.ledger().open_count() > 0) round();
    to.lost = peers_.ledger().lost();
    return {from, to};
  }

  void check() {
    const uint32_t users = static_cast<uint32_t>(o_.number("aors"));
    const HomePhase from = now();
    for (uint32_t user = 0; user < users; ++user) {
      while (peers_.ledger().open_count() >= window_) round();
      peers_.start(HomeWork::kQuery, user, now_ns());
    }
    while (peers_.ledger().open_count() > 0) round();
    uint64_t acknowledged = 0;
    for (const Phone& phone : peers_.phones()) acknowledged += phone.acknowledged != 0;
    begin("check", from, now()).count("acknowledged", acknowledged).count("missing", peers_.missing()).print_line();
  }

  void round() {
    const int64_t at = now_ns();
    if (peers_.round()) heard_ = at;
    peers_.ledger().expire(at - timeout_);
    if (!killed_ && kill_after_ > 0 && peers_.tally().done >= kill_after_) killed_ = ::kill(static_cast<pid_t>(o_.number("pid")), SIGKILL) == 0;
  }

  HomePhase now() {
    const Tally& tally = peers_.tally();
    return {now_ns(), server_.cpu_ns(), peers_.ledger().opened(), tally.done, tally.mismatched, peers_.ledger().lost(), peers_.ledger().open_count()};
  }

  JsonLine begin(const std::string& name, const HomePhase& from, const HomePhase& to) {
    const double seconds = static_cast<double>(to.when - from.when) / 1e9;
    const double done = static_cast<double>(to.done - from.done);
    const double cpu = static_cast<double>(to.cpu - from.cpu);
    JsonLine line;
    line.text("workload", name).text("digest", o_.text("digest")).real("seconds", seconds).real("done", done);
    line.count("lost", to.lost - from.lost).count("wrong", to.wrong - from.wrong).text("first_wrong", peers_.first_wrong());
    line.real("rate", done / seconds).real("busy", cpu / 1e9 / seconds).real("cpu_us", done > 0 ? cpu / 1e3 / done : 0);
    return line.real("p50_us", static_cast<double>(peers_.latencies().percentile(0.5)) / 1e3).real("p99_us", static_cast<double>(peers_.latencies().percentile(0.99)) / 1e3);
  }

  // A line for each flow: the CSeq last sent and the last that was answered 200.
  void write_log() {
    std::ofstream file(o_.text("log"));
    for (const Phone& phone : peers_.phones()) file << phone.sent << ' ' << phone.acknowledged << '\n';
  }
  void read_log() {
    std::ifstream file(o_.text("log"));
    for (Phone& phone : peers_.phones()) file >> phone.sent >> phone.acknowledged;
  }

  static constexpr int64_t kSilence = 500'000'000;

  const Options& o_;
  uint32_t window_;
  int64_t timeout_;
  HomePeers peers_;
  ProcessTree server_;
  uint64_t kill_after_;  // so many responses; 0: the server lives
  bool killed_ = false;
  uint32_t turn_ = 0;
  int64_t heard_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options(argc, argv,
                  {{"server", "127.0.0.1:15060"}, {"local", "127.0.0.1:15070"}, {"workload", "first,refresh"}, {"aors", "10000"}, {"flows", "2"}, {"devices", "1"}, {"window", "96"},
                   {"rate", "0"}, {"seconds", "5"}, {"warmup", "0.5"}, {"digest", "none"}, {"timeout-ms", "2000"}, {"pid", "0"}, {"search", "0"}, {"log", ""}, {"expires", "0"}, {"kill-after", "0"}, {"escaped", "0"}});
  // Too large for the stack because of its buffers.
  static HomeLoad load(options);
  return load.run();
}
