// Any octets as the image of a shard: it is taken over, or refused as a whole, and the shard can go on in either case.
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/base/crc32c.h"
#include "core/shard/shard.h"

using namespace sluice;

namespace {

constexpr uint32_t kMostFlows = 64;

EdgeConfig settings() {
  EdgeConfig config;
  config.limits.max_flows = kMostFlows;
  config.probe_seconds = 0;
  for (const Transport transport : {Transport::udp, Transport::tcp, Transport::tls, Transport::ws}) {
    Listener listener;
    listener.transport = transport;
    listener.bound.port = static_cast<uint16_t>(5060 + config.listeners.size());
    config.listeners.push_back(listener);
  }
  return config;
}

// A fuzzer guesses neither a checksum nor what must agree with the settings, so the input is what comes after that.
std::vector<char> image_with(const EdgeConfig& config, uint32_t version, Text rest) {
  ImageWriter writer(ImageOf::shard, version);
  writer.fields(config.node, config.shard, config.shards, config.boot);
  writer.count(config.listeners.size());
  for (const Listener& listener : config.listeners) writer.fields(listener.transport, listener.bound);
  std::vector<char> image = writer.finish();
  image.insert(image.end(), rest.begin(), rest.end());
  ImageHead head;
  head.version = version;
  head.size = image.size() - sizeof head;
  head.crc = crc32c(crc32c(0, &head, sizeof head), image.data() + sizeof head, head.size);
  std::memcpy(image.data(), &head, sizeof head);
  return image;
}

// Each flow of the image gets a socket that nobody is at the other end of.
std::vector<MovingFlow> descriptors() {
  std::vector<MovingFlow> out;
  for (uint32_t slot = 1; slot <= 4; ++slot) {
    for (uint32_t generation = 1; generation <= 4; ++generation) {
      int pair[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) std::abort();
      close(pair[1]);
      out.push_back({slot, generation, pair[0]});
    }
  }
  return out;
}

}  // namespace

// The first octet chooses the layout, among those that are read; what goes on is written in it, too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint32_t version = kOldestImageVersion + data[0] % (kImageVersion - kOldestImageVersion + 1);
  const std::vector<char> image = image_with(settings(), version, Text(reinterpret_cast<const char*>(data + 1), size - 1));
  static int32_t records[k_batch_size * k_record_fields];
  static int32_t verdicts[k_batch_size * k_verdict_fields];
  int64_t counters[static_cast<size_t>(Counter::count_)] = {};
  static FlowCommons commons(SipKey{5, 6});
  static const int wake = eventfd(0, EFD_NONBLOCK);
  Ring ring(1 << 16);
  std::vector<int> sockets(4, -1);
  std::vector<MovingFlow> flows = descriptors();
  {
    Shard shard(settings(), KeyRing(), records, verdicts, counters, {&ring}, {wake}, sockets, commons);
    const bool taken = shard.adopt(Text(image.data(), image.size()), flows) == nullptr;
    const auto count = [&](Counter which) { return counters[static_cast<size_t>(which)]; };
    if (!taken && (count(Counter::stream_flows) != 0 || count(Counter::udp_flows) != 0 || shard.pending() != 0)) std::abort();
    if (taken) {
      if (shard.open() != 0) std::abort();
      for (int turn = 0; turn < 4; ++turn) {
        shard.collect();
        shard.execute();
      }
      // What it is now can be handed on.
      std::vector<char> again;
      std::vector<MovingFlow> rest;
      if (!shard.freeze()) std::abort();
      shard.write_image(again, rest, version);
    }
  }
  for (const MovingFlow& flow : flows)
    if (flow.fd >= 0) close(flow.fd);
  if (commons.shares.held(Holding::connection) != 0 || commons.shares.held(Holding::handshake) != 0) std::abort();
  return 0;
}
