// How long a shard stands still when it goes over to another process: writing its image, and taking it over with all connections sent
// ahead. CPU time, both in one process and one thread, so the way between them is not in it. Arguments: connections, rounds.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "core/shard/shard.h"
#include "lib/loopback.h"

namespace {

using namespace sluice;
using namespace sluice::bench;

EdgeConfig settings() {
  EdgeConfig config;
  config.boot = 7;
  for (const Facing facing : {Facing::client, Facing::core}) config.listeners.push_back(listener(Transport::tcp, facing, 5060));
  return config;
}

// A shard with what it needs from its process.
struct Place {
  Place() {
    shard = std::make_unique<Shard>(settings(), KeyRing(), records, verdicts, counters, std::vector<Ring*>{&ring}, std::vector<int>{wake}, std::vector<int>{-1, -1}, *commons);
  }
  ~Place() {
    shard.reset();
    close(wake);
  }
  int32_t records[k_batch_size * k_record_fields] = {};
  int32_t verdicts[k_batch_size * k_verdict_fields] = {};
  int64_t counters[static_cast<size_t>(Counter::count_)] = {};
  std::unique_ptr<FlowCommons> commons = std::make_unique<FlowCommons>(SipKey{5, 6});
  Ring ring{1 << 20};
  int wake = eventfd(0, EFD_NONBLOCK);
  std::unique_ptr<Shard> shard;
};

Address peer_of(uint32_t i) {
  Address out = address_of(static_cast<uint16_t>(1024 + i % 60'000));
  out.ip[13] = static_cast<uint8_t>(i >> 8);
  out.ip[14] = static_cast<uint8_t>(i);
  return out;
}

// The first image is made by hand: connections that have registered, all of them duplicates of one socket.
std::vector<char> first_image(uint32_t flows) {
  const EdgeConfig config = settings();
  ImageWriter image(ImageOf::shard, kImageVersion);
  image.fields(config.node, config.shard, config.shards, config.boot);
  image.count(config.listeners.size());
  for (const Listener& one : config.listeners) image.fields(one.transport, one.bound);
  image.fields(flows);
  image.count(flows);
  Flow flow;
  flow.state = FlowState::open;
  flow.kind = FlowKind::stream;
  flow.flags = kFlow_outbound | kFlow_registered;
  for (uint32_t slot = 1; slot <= flows; ++slot) {
    flow.remote = peer_of(slot);
    flow.generation = slot;
    freeze_flow(image, slot, flow);
  }
  image.count(0);                      // closing
  image.fields(uint32_t{0}, uint32_t{0});  // timers
  image.count(flows);                  // registrations
  for (uint32_t slot = 1; slot <= flows; ++slot) {
    const std::string aor = "sip:subscriber-" + std::to_string(slot) + "@example.com";
    image.fields(slot);
    image.count(1);
    const uint32_t none = 0;
    image.fields(none, none, none, none, none, none, none, static_cast<uint8_t>(aor.size()), uint8_t{0}, uint8_t{0});
    image.text(aor);
  }
  for (int list = 0; list < 8; ++list) image.count(0);  // REGISTERs, ages, dialled to core and phones, refusals, unsent, upstreams, waiting
  for (int list = 0; list < 2; ++list) image.count(0);  // pending, completed
  image.fields(uint32_t{0});                            // questions
  for (int list = 0; list < 5; ++list) image.count(0);  // stateless answers, withheld, events
  image.fields(uint32_t{0}, uint64_t{0});               // probes, branches
  image.count(0);                                       // ring
  return image.finish();
}

std::vector<MovingFlow> duplicates(uint32_t flows, int of) {
  std::vector<MovingFlow> out;
  for (uint32_t slot = 1; slot <= flows; ++slot) {
    const int fd = dup(of);
    if (fd < 0) die("dup: raise ulimit -n");
    out.push_back({slot, slot, fd});
  }
  return out;
}

void take(Shard& shard, const std::vector<char>& image) {
  std::vector<MovingFlow> none;
  if (const char* const fault = shard.adopt(Text(image.data(), image.size()), none); fault != nullptr) {
    std::fprintf(stderr, "%s\n", fault);
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto flows = static_cast<uint32_t>(argc > 1 ? std::atoi(argv[1]) : 7'500);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 10;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) die("socketpair");
  auto now = std::make_unique<Place>();
  now->shard->expect(duplicates(flows, pair[0]));
  take(*now->shard, first_image(flows));
  std::vector<double> writing, commons, reading;
  for (int round = 0; round < rounds; ++round) {
    auto next = std::make_unique<Place>();
    std::vector<MovingFlow> ahead;
    while (now->shard->announce(ahead, 1000)) continue;
    next->shard->expect(duplicates(flows, pair[0]));
    std::vector<char> image, shared;
    std::vector<MovingFlow> rest;
    const double began = cpu_ns();
    if (!now->shard->freeze()) die("freeze");
    now->shard->write_image(image, rest);
    const double written = cpu_ns();
    now->commons->write_image(shared);
    if (next->commons->adopt(Text(shared.data(), shared.size())) != nullptr) die("commons");
    const double shared_at = cpu_ns();
    take(*next->shard, image);
    const double done = cpu_ns();
    writing.push_back((written - began) / 1e6);
    commons.push_back((shared_at - written) / 1e6);
    reading.push_back((done - shared_at) / 1e6);
    if (round == 0) std::printf("%u connections, image %zu octets\n", flows, image.size());
    now = std::move(next);
  }
  for (std::vector<double>* times : {&writing, &commons, &reading}) std::sort(times->begin(), times->end());
  const auto say = [&](const char* what, const std::vector<double>& times) { std::printf("%s: least %.2f ms, median %.2f ms\n", what, times.front(), times[times.size() / 2]); };
  say("write", writing);
  say("commons, both ways", commons);
  say("take over", reading);
}
