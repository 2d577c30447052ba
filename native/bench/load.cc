// The load program: the clients and the core of any RFC 5626 edge, in one process on one CPU core. Prints one line of JSON per workload; with
// --progress SECONDS also what is known so far. SIGTERM: the workload ends now, and its figures are printed.
#include <signal.h>
#include <sys/resource.h>

#include <sstream>

#include "lib/engine.h"
#include "lib/json_line.h"

namespace {

using namespace sluice::bench;

class Load {
 public:
  explicit Load(const Options& options) : o_(options), engine_(options), at_once_(static_cast<uint32_t>(o_.number("at-once"))) {}

  int run() {
    memory_before_ = engine_.edge().memory();
    if (o_.is("workload", "idle")) return idle();
    if (o_.is("workload", "storm")) return storm();
    if (!engine_.open_and_register(engine_.flows(), at_once_)) return 1;
    std::istringstream names(o_.text("workload"));
    for (std::string name; std::getline(names, name, ',');) o_.number("search") != 0 ? search(name) : measure(name);
    return 0;
  }

 private:
  // "hostile": the traffic of "good" beside all attacks; "hostile:KIND": beside one kind.
  static Workload workload_of(const std::string& name) {
    static const std::map<std::string, Workload> kNames = {
        {"register", Workload::kRegister}, {"terminate", Workload::kTerminate}, {"originate", Workload::kOriginate}, {"keepalive", Workload::kKeepAlive},
        {"call", Workload::kCall},         {"mixed", Workload::kMixed},         {"good", Workload::kGood}, {"hostile", Workload::kGood}};
    auto found = kNames.find(name.substr(0, name.find(':')));
    if (found != kNames.end()) return found->second;
    std::fprintf(stderr, "load: no workload %s\n", name.c_str());
    std::exit(2);
  }

  void measure(const std::string& name) {
    const bool hostile = name.starts_with("hostile");
    const auto attackers = hostile ? engine_.attackers(name == "hostile" ? "all" : name.substr(name.find(':') + 1)) : nullptr;
    Phase phase = engine_.run(workload_of(name), o_.real("rate"), o_.real("warmup"), o_.real("seconds"), attackers.get());
    const Tally& tally = engine_.exchange().tally();
    JsonLine line = begin_line(name);
    line.count("window", engine_.window()).real("rate", o_.real("rate")).real("size", o_.real("size"));
    print_phase(line, phase);
    line.count("held", phase.held).count("done_in_all", tally.done).count("closed", engine_.clients().closed()).count("edge_processes", engine_.edge().size());
    line.real("load_empty_rounds", static_cast<double>(tally.empty_rounds) / static_cast<double>(tally.rounds + 1));
    line.count("missing_180", tally.unrung > tally.late_180 ? tally.unrung - tally.late_180 : 0);
    if (hostile) line.count("attacks", phase.attacks).count("let_through", phase.let_through);
    print_memory(line, engine_.edge().memory());
  }

  // Finds the highest rate that the edge sustains, by bisection, then measures it at half that rate.
  void search(const std::string& name) {
    constexpr unsigned kProbes = 7;
    constexpr double kWarmup = 0.2;
    const double seconds = o_.real("seconds");
    const Workload workload = workload_of(name);
    Phase full = engine_.run(workload, 0, 0.3, seconds);
    const double top = full.done() / full.seconds();
    double low = 0, high = 1.25 * top;
    uint64_t mismatched = full.mismatched;
    bool load_was_late = false;
    for (unsigned probe = 0; probe < kProbes; ++probe) {
      const double rate = probe == 0 ? 0.7 * top : (low + high) / 2;
      // A hiccup of the machine must not count against an edge: a rate is too high only if it fails twice.
      bool good = false;
      for (unsigned tries = 0; tries < 2 && !good; ++tries) {
        Phase phase = engine_.run(workload, rate, kWarmup, seconds);
        mismatched += phase.mismatched;
        good = holds(phase, rate);
        load_was_late = load_was_late || (phase.late > kQueue && static_cast<double>(phase.waiting) < rate * kQueue / 1e9);
      }
      (good ? low : high) = rate;
    }
    Phase half = engine_.run(workload, low > 0 ? low / 2 : 1, 0.3, 1.5 * seconds);
    JsonLine line = begin_line(name);
    line.real("size", o_.real("size")).real("closed_loop_rate", top).real("highest_rate", low).real("resolution", high - low);
    line.real("messages_per_exchange", half.done() > 0 ? half.messages() / half.done() : 0);
    line.count("load_was_late", load_was_late).count("mismatched_while_probing", mismatched).count("edge_processes", engine_.edge().size());
    print_phase(line, half);
    print_memory(line, engine_.edge().memory());
  }

  // Less than 0.1 % lost and no growing queue: over a stream, an edge that is too slow loses nothing at first but falls behind.
  static bool holds(const Phase& phase, double rate) {
    return static_cast<double>(phase.lost + phase.mismatched) < 0.001 * static_cast<double>(phase.sent) && phase.late < kQueue &&
           static_cast<double>(phase.waiting) < rate * kQueue / 1e9 + 64;
  }

  // Compares memory at a tenth of the flows with memory at all of them, so that one-off allocations do not count.
  int idle() {
    uint32_t few = engine_.flows() / 10 + 1;
    if (!engine_.open_and_register(few, at_once_)) return 1;
    engine_.settle();
    memory_before_ = engine_.edge().memory();
    if (!engine_.open_and_register(engine_.flows(), at_once_)) return 1;
    engine_.settle();
    Memory after = engine_.edge().memory();
    double flows = engine_.flows() - few;
    JsonLine line = begin_line("idle");
    line.real("counted_flows", flows).count("closed", engine_.clients().closed());
    line.real("pss_bytes_per_flow", static_cast<double>(after.pss_kib - memory_before_.pss_kib) * 1024 / flows);
    print_memory(line, after);
    return 0;
  }

  // All clients come at once, as after a restart of the edge: how long until each has registered? One registers beforehand, so that
  // connecting to the core does not count.
  int storm() {
    if (!engine_.open_and_register(1, 1)) return 1;
    engine_.clients().prepare(engine_.flows());
    const Sample begin = engine_.sample();
    const uint32_t registering = o_.real("core-rate") > 0 ? engine_.flows() : at_once_;
    if (!engine_.open_and_register(engine_.flows(), at_once_, registering)) return 1;
    const Sample end = engine_.sample();
    const double cpu = static_cast<double>(end.cpu - begin.cpu) / 1e9;
    JsonLine line = begin_line("storm");
    line.count("at_once", at_once_).real("seconds_until_all", static_cast<double>(end.when - begin.when) / 1e9).real("edge_cpu_seconds", cpu);
    line.count("lost", engine_.exchange().ledger().lost()).count("mismatched", engine_.exchange().tally().mismatched);
    line.count("closed", engine_.clients().closed()).count("refused", engine_.clients().refused());
    line.real("core_rate", o_.real("core-rate")).count("put_off", engine_.exchange().refusals()).count("most_503_of_a_phone", engine_.exchange().most_refusals());
    print_memory(line, engine_.edge().memory());
    return 0;
  }

  JsonLine begin_line(const std::string& name) {
    JsonLine line;
    line.text("workload", name).text("client", o_.text("client")).text("core_leg", o_.text("core-leg"));
    line.text("sockets", o_.text("sockets")).count("flows", engine_.flows());
    return line;
  }

  static void print_phase(JsonLine& line, const Phase& phase) {
    const double cpu = static_cast<double>(phase.to.cpu - phase.from.cpu);
    auto us = [&](double share) { return static_cast<double>(phase.latencies.percentile(share)) / 1e3; };
    line.real("seconds", phase.seconds()).count("sent", phase.sent).real("done", phase.done());
    line.count("lost", phase.lost).count("mismatched", phase.mismatched).count("waiting", phase.waiting);
    line.real("messages_per_second", phase.messages() / phase.seconds()).real("edge_busy", cpu / 1e9 / phase.seconds());
    line.real("edge_cpu_us_per_message", phase.messages() > 0 ? cpu / 1e3 / phase.messages() : 0);
    line.real("p50_us", us(0.5)).real("p99_us", us(0.99)).real("p999_us", us(0.999)).real("max_us", us(1));
  }

  void print_memory(JsonLine& line, const Memory& after) {
    line.pair("pss_kib", memory_before_.pss_kib, after.pss_kib).pair("rss_kib", memory_before_.rss_kib, after.rss_kib).print_line();
  }

  // How late the load may be at the highest rate: 20 ms.
  static constexpr int64_t kQueue = 20'000'000;

  const Options& o_;
  Engine engine_;
  uint32_t at_once_;
  Memory memory_before_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options(argc, argv,
                  {{"edge", "127.0.0.1:15060"}, {"core", "127.0.0.1:15070"}, {"client", "udp"}, {"core-leg", "udp"},
                   {"workload", "register"},    {"flows", "1000"},           {"window", "96"},  {"rate", "0"},
                   {"seconds", "3"},            {"warmup", "0.5"},           {"size", "700"},   {"spread", "0"}, {"pid", "0"},
                   {"timeout-ms", "1000"},      {"bare", "0"},               {"sockets", "each"}, {"sleep", "0"},
                   {"at-once", "64"},           {"attacks", "2000"}, {"search", "0"},         {"core-rate", "0"},
                   {"hold", "0"}, {"by", ""}, {"progress", "0"}});
  if (options.text("core").size() != kSentBySize) {
    std::fprintf(stderr, "load: --core must have %zu characters, such as 127.0.0.1:15070\n", kSentBySize);
    return 2;
  }
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  // OpenSSL may write to connections that the edge has closed.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, [](int) { is_told_to_end = 1; });
  // Too large for the stack because of its buffers.
  static Load load(options);
  return load.run();
}
