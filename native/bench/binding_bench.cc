// The table of bindings, alone and with its journal: CPU time of a put, a refresh and a lookup, octets per binding, how long a snapshot
// holds a lock, and how long it takes to replay, to end flows and to expire registrations. `binding_bench [FOLDER [BINDINGS [browsers]]]`; browsers:
// with the long texts of a WebSocket phone instead of those of the registrar's bench.
#include <sys/resource.h>

#include <ctime>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "core/home/binding_store.h"

namespace {

using namespace sluice;

constexpr uint64_t kNow = 1'700'000'000'000;
constexpr uint32_t kBatch = 32;  // REGISTERs that share a write

double cpu_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double elapsed_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Nowhere final : BindingSink {
  size_t octets = 0;
  void take(const Binding& binding) noexcept override { octets += binding[Part::uri].size(); }
};

bool browsers = false;

// What the registrar's benchmark registers: two flows of one device behind an edge. Or a browser, connected here, whose texts are long.
struct Phone {
  std::string aor, uri, params, instance, path, call_id, key;
  Binding binding;

  const RegisterOperation& registers(uint32_t user, uint32_t reg_id, uint32_t cseq, const std::string& flow) {
    char text[160];
    std::snprintf(text, sizeof text, "sip:u%u@example.org", user);
    aor = text;
    std::snprintf(text, sizeof text, "sip:u%u@192.0.2.7:49152;transport=tcp;ob", user);
    uri = text;
    std::snprintf(text, sizeof text, "urn:uuid:00000000-0000-1000-8000-%012u", user);
    instance = text;
    params = ";reg-id=" + std::to_string(reg_id) + ";+sip.instance=\"<" + instance + ">\"";
    std::snprintf(text, sizeof text, "<sip:AQEBaW5kZXhlZC10b2tlbi0w%u@127.0.0.1:43210;lr;ob>", user);
    path = std::to_string(std::char_traits<char>::length(text)) + ":" + text;
    call_id = "u" + std::to_string(user) + "-" + std::to_string(reg_id) + "@192.0.2.7";
    key = "f" + std::to_string(reg_id) + " " + instance;
    binding.expires = kNow + 3'600'000 + cseq;
    binding.updated = kNow + cseq;
    binding.cseq = cseq;
    binding.reg_id = reg_id;
    binding.q = 1'000;
    binding.flags = kOutbound;
    binding[Part::uri] = uri;
    binding[Part::params] = params;
    binding[Part::instance] = instance;
    binding[Part::path] = path;
    binding[Part::call_id] = call_id;
    binding[Part::key] = key;
    binding[Part::flow] = flow;
    binding[Part::agent] = "a device of the bench";
    operation.aor = aor;
    operation.call_id = call_id;
    operation.cseq = cseq;
    operation.max_contacts = 10;
    operation.max_flows = 4;
    operation.now = kNow;
    if (browsers) browse(user, reg_id, flow);
    operation.put.assign(1, binding);
    return operation;
  }
  RegisterOperation operation;

 private:
  void browse(uint32_t user, uint32_t reg_id, const std::string& flow) {
    char text[320];
    std::snprintf(text, sizeof text, "sip:%08x@%012x.invalid;transport=ws;ob", user * 2'654'435'761u, user);
    uri = text;
    params += ";+sip.ice;audio;video;methods=\"INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\"";
    std::snprintf(text, sizeof text, "%022u%u", user, reg_id);
    call_id = text;
    std::snprintf(text, sizeof text, "s/0/0/1/%u/%u", user * 2 + reg_id, user);
    connection = flow.empty() ? text : flow;
    binding[Part::uri] = uri;
    binding[Part::params] = params;
    binding[Part::path] = Text();
    binding[Part::call_id] = call_id;
    binding[Part::flow] = connection;
    binding[Part::agent] = "JsSIP 3.10.1, Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36";
    operation.call_id = call_id;
  }

  std::string connection;
};

// Runs over all users in random order and both flows, or over one of `parts` of that. Returns nanoseconds of CPU per operation, without the
// cost of building it.
double run(BindingStore& store, uint32_t users, uint32_t cseq, const std::string& flow, uint32_t part = 0, uint32_t parts = 1) {
  Phone phone;
  Nowhere sink;
  double begin = cpu_ns();
  for (uint32_t turn = part; turn < users * 2; turn += parts) sink.octets += phone.registers(turn % users, 1 + turn / users, cseq, flow).aor.size();
  const double making = cpu_ns() - begin;
  begin = cpu_ns();
  for (uint32_t turn = part, done = 1; turn < users * 2; turn += parts, ++done) {
    const auto user = static_cast<uint32_t>(turn * 7'919ull % users);
    const Outcome outcome = store.table().save(phone.registers(user, 1 + turn / users, cseq, flow), sink);
    if (outcome != Outcome::saved || (done % kBatch == 0 && store.flush() != 0)) std::exit(1);
  }
  store.flush();
  return (cpu_ns() - begin - making) / (users * 2.0 / parts);
}

// What two threads gain on this machine whatever they do, with a loop that uses nothing but registers, and one that waits for memory: the floor for
// the line after it.
double chase(std::vector<uint32_t>& next, uint32_t from, size_t steps) {
  uint32_t at = from;
  for (size_t i = 0; i < steps; ++i) at = next[at];
  return at;
}
double spin(uint64_t seed, size_t steps) {
  for (size_t i = 0; i < steps; ++i) seed = seed * 6'364'136'223'846'793'005ull + 1'442'695'040'888'963'407ull;
  return static_cast<double>(seed);
}
template <typename Work>
double of_two(Work&& work, size_t steps) {
  [[maybe_unused]] static volatile double seen;
  const double begin = elapsed_ms();
  std::thread other([&] { seen = work(1, steps / 2); });
  const double own = work(2, steps / 2);
  other.join();
  const double two = elapsed_ms() - begin, alone = elapsed_ms();
  seen = own + work(3, steps);
  return two / (elapsed_ms() - alone);
}
void floor_of_two() {
  std::vector<uint32_t> next(32u << 20);  // 128 MB, one cycle through all of it
  const auto size = static_cast<uint32_t>(next.size());
  for (uint32_t i = 0; i < size; ++i) next[i] = static_cast<uint32_t>((i * 1'664'525ull + 1'013'904'223ull) & (size - 1));
  const double spun = of_two([](uint64_t seed, size_t steps) { return spin(seed, steps); }, 400'000'000);
  const double chased = of_two([&](uint64_t seed, size_t steps) { return chase(next, static_cast<uint32_t>(seed * 7'919), steps); }, 10'000'000);
  std::printf("%-44s %8.2f of the time of one thread; that wait for memory %.2f\n", "two threads that only reckon", spun, chased);
}

// Two threads share the work of one: twice the CPU of one each would mean that they wait for each other all the time.
void run_by_two(BindingStore& store, uint32_t users, uint32_t cseq) {
  double cost[2];
  const double begin = elapsed_ms();
  std::thread other([&] { cost[1] = run(store, users, cseq, "", 1, 2); });
  cost[0] = run(store, users, cseq, "", 0, 2);
  other.join();
  const double two = elapsed_ms() - begin;
  const double alone = elapsed_ms();
  run(store, users, cseq + 1, "");
  std::printf("%-44s %8.0f ns CPU, in %.2f of the time of one thread\n", "refresh, table and journal, two threads", (cost[0] + cost[1]) / 2, two / (elapsed_ms() - alone));
}

rusage usage_now() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

// By the clock, by CPU, and whether the kernel gave the processor to somebody else meanwhile: a slice that is long only then did nothing long. Where
// the longest slice took page faults, it waited for the kernel's memory and not for what it did.
template <typename Step>
void in_slices(const char* what, size_t bindings, Step&& step) {
  double longest_cpu = 0, longest = 0, longest_alone = 0;
  long faults = 0;
  size_t slices = 0, over = 0, over_preempted = 0, preempted = 0;
  const double begin = cpu_ns();
  for (bool more = true; more; ++slices) {
    const rusage before = usage_now();
    const double at = elapsed_ms(), cpu = cpu_ns();
    more = step();
    const double took_cpu = (cpu_ns() - cpu) / 1e6, took = elapsed_ms() - at;
    const rusage after = usage_now();
    const bool was_preempted = after.ru_nivcsw != before.ru_nivcsw;
    preempted += was_preempted;
    over += took > 1;
    over_preempted += took > 1 && was_preempted;
    longest = std::max(longest, took);
    if (!was_preempted) longest_alone = std::max(longest_alone, took);
    if (took_cpu <= longest_cpu) continue;
    longest_cpu = took_cpu;
    faults = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
  }
  std::printf("%-44s %8.0f ms CPU for %zu, %zu slices, %zu preempted; longest %.2f ms CPU with %ld page faults, %.2f ms by the clock, %.2f unless preempted; over 1 ms: %zu, of which preempted %zu\n", what, (cpu_ns() - begin) / 1e6, bindings,
              slices, preempted, longest_cpu, faults, longest, longest_alone, over, over_preempted);
}

// Nanoseconds. What the machine does meanwhile does not hit the same piece every time.
double longest_at_best(BindingTable& table) {
  std::vector<double> best;
  for (int turn = 0; turn < 3; ++turn) {
    std::string copy;
    BindingTable::Walk walk;
    bool more = true;
    for (size_t piece = 0; more; ++piece) {
      copy.clear();
      const double begin = cpu_ns();
      more = table.copy_some(walk, copy);
      if (piece == best.size()) best.push_back(1e18);
      best[piece] = std::min(best[piece], cpu_ns() - begin);
    }
  }
  return *std::max_element(best.begin(), best.end());
}

}  // namespace

int main(int argc, char** argv) {
  char made[] = "/tmp/sluice-bench-XXXXXX";
  const std::string folder = argc > 1 ? argv[1] : mkdtemp(made);
  const auto users = static_cast<uint32_t>(argc > 2 ? std::atol(argv[2]) / 2 : 500'000);
  browsers = argc > 3 && std::string(argv[3]) == "browsers";
  const TableBounds bounds{users * 3ull, users * 3ull * 640};
  {
    const auto store = BindingStore::open(folder, bounds, kNow).store;
    if (!store) return 1;
    BindingTable& table = store->table();
    std::printf("%-44s %8.0f ns CPU\n", "first registration, table and journal", run(*store, users, 1, ""));
    std::printf("%-44s %8.0f ns CPU\n", "refresh, table and journal", run(*store, users, 2, ""));
    table.set_log(nullptr);
    std::printf("%-44s %8.0f ns CPU\n", "refresh, table alone", run(*store, users, 3, ""));
    table.set_log(&store->journal());
    floor_of_two();
    run_by_two(*store, users, 4);
    Nowhere sink;
    const double begin = cpu_ns();
    for (uint32_t turn = 0; turn < 1'000'000; ++turn) table.lookup("sip:u" + std::to_string(turn * 7'919ull % users) + "@example.org", kNow, sink);
    std::printf("%-44s %8.0f ns CPU\n", "lookup of two flows", (cpu_ns() - begin) / 1e6);
    std::printf("%-44s %8.0f octets, of %llu\n", "memory a binding, without the index", static_cast<double>(table.octets()) / static_cast<double>(table.bindings()), static_cast<unsigned long long>(table.bindings()));
    for (int tries = 0; store->counts().snapshots == 0 && tries < 1'000; ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::string copy;
    BindingTable::Walk walk;
    in_slices("copy for a snapshot, piece by piece", users * 2, [&] {
      copy.clear();
      return table.copy_some(walk, copy);
    });
    std::printf("%-44s %8.2f ms\n", "the longest lock meanwhile", static_cast<double>(walk.longest) / 1e6);
    std::printf("%-44s %8.2f ms\n", "the longest piece, each at its best of three", longest_at_best(table) / 1e6);
  }
  const double begin = elapsed_ms(), cpu = cpu_ns();
  const auto store = BindingStore::open(folder, bounds, kNow).store;
  std::printf("%-44s %8.0f ms, %.0f of CPU, for %llu\n", "start from snapshot and journal", elapsed_ms() - begin, (cpu_ns() - cpu) / 1e6, static_cast<unsigned long long>(store->table().bindings()));
  BindingTable& table = store->table();
  run(*store, users, 6, "s/0/0/1/1/1");
  bool more = true;
  size_t removed = 0;
  in_slices("a flow that ends, in slices of 500", users * 2, [&] {
    removed += table.remove_flow("s/0/0/1/1/1", 500, more);
    store->flush();
    return more;
  });
  if (removed != users * 2) return 1;
  run(*store, users, 7, "");
  uint32_t cursor = 0;
  removed = 0;
  in_slices("expiry of all at once, in slices of 1 ms", users * 2, [&] {
    removed += table.expire(kNow + 7'200'000, 1'000'000, cursor, more);
    return more;
  });
  if (removed != users * 2 || table.octets() != 0) return 1;
  return argc > 1 ? 0 : std::system(("rm -rf " + folder).c_str());
}
