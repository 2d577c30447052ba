// Anyone can send an ICMP message in the name of a router. Raw sockets send them here; without the privilege, in a network namespace of our own.
#include <linux/if.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "shard_rig.h"

namespace sluice::forged_icmp_test {
using namespace test;

namespace {

bool may_forge() {
  const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

void enter_own_network() {
  CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
  ::close(fd);
}

// A namespace cannot be left again, so the test runs in a child.
void forging(void (*test)()) {
  if (may_forge()) return test();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    enter_own_network();
    test();
    std::fflush(stdout);
    _exit(has_failed() ? 1 : 0);
  }
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
}

uint16_t checksum(const uint8_t* octets, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) sum += static_cast<uint32_t>(octets[i] << 8 | (i + 1 < size ? octets[i + 1] : 0));
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// "What you sent from `port` to `peer` did not arrive", with this as the first octets of it.
void forge(uint8_t code, uint16_t port, uint16_t peer, const std::string& quoted) {
  std::string packet(sizeof(icmphdr) + sizeof(iphdr) + sizeof(udphdr), '\0');
  packet += quoted;
  auto* const octets = reinterpret_cast<uint8_t*>(packet.data());
  icmphdr icmp{};
  icmp.type = ICMP_DEST_UNREACH;
  icmp.code = code;
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.tot_len = htons(static_cast<uint16_t>(packet.size() - sizeof icmp));
  ip.saddr = ip.daddr = htonl(INADDR_LOOPBACK);
  udphdr udp{};
  udp.source = htons(port);
  udp.dest = htons(peer);
  udp.len = htons(static_cast<uint16_t>(sizeof udp + quoted.size()));
  std::memcpy(octets + sizeof icmp, &ip, sizeof ip);
  std::memcpy(octets + sizeof icmp + sizeof ip, &udp, sizeof udp);
  std::memcpy(octets, &icmp, sizeof icmp);
  icmp.checksum = htons(checksum(octets, packet.size()));
  std::memcpy(octets, &icmp, sizeof icmp);
  const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  const sockaddr_in to = loopback(0);
  CHECK(sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == static_cast<ssize_t>(packet.size()));
  ::close(fd);
}

// Everything that a forger can make of a request that he has not seen.
std::vector<std::string> guesses_at(const std::string& request) {
  const size_t branch = request.find("branch=z9hG4bK") + 14;
  std::string other = request, cut = request;
  other[branch + 20] = other[branch + 20] == 'A' ? 'B' : 'A';
  cut.resize(branch + 8);
  return {"", "x", Request().text(), other, cut, "SIP/2.0 200 OK\r\n" + other};
}

}  // namespace

TEST("OB-5.3.1-14 forged ICMP messages end no flow; a true one does") {
  forging([] {
    ShardRig rig;
    const Peer core = Peer::bound(SOCK_DGRAM);
    rig.upstreams({{Transport::udp, core.port()}});
    const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
    rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
      if (!record[kRecord_is_response]) return false;
      verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_response);
      verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_mark_outbound);
      return true;
    };
    const std::string contact = "Contact: <sip:a@10.0.0.1>;reg-id=1;+sip.instance=\"<urn:x:1>\"\r\n";
    client.send(Request{.method = "REGISTER", .lines = contact}.text());
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(rig.hear(core, "REGISTER "), 200, contact));
    rig.hear(client, "SIP/2.0 200");
    const auto call = [&](int number) { core.send_to(rig.port(ShardRig::kCoreUdp), Request{.method = "INVITE", .number = number, .lines = rig.route_to_udp(client.port())}.text()); };
    call(1);
    const std::string request = rig.hear(client, "INVITE ");
    for (const uint8_t code : {ICMP_PORT_UNREACH, ICMP_HOST_UNREACH, ICMP_NET_UNREACH, ICMP_PKT_FILTERED})
      for (const std::string& guess : guesses_at(request)) {
        forge(code, rig.port(ShardRig::kClientUdp), client.port(), guess);
        rig.turn();
      }
    CHECK(rig.flow(FlowKind::udp).slot != 0);
    call(2);
    rig.hear(client, "Call-ID: c2\r\n");
    forge(ICMP_PORT_UNREACH, rig.port(ShardRig::kClientUdp), client.port(), request);
    CHECK(rig.until([&] { return rig.flow(FlowKind::udp).slot == 0 || (rig.at(rig.flow(FlowKind::udp))->flags & kFlow_dead) != 0; }));
    call(3);
    CHECK(holds(rig.hear(core, "Call-ID: c3\r\n"), "SIP/2.0 430"));
  });
}

TEST("DNS-8 forged ICMP messages take no upstream out of use; a true one does") {
  forging([] {
    ShardRig rig;
    const Peer core = Peer::bound(SOCK_DGRAM);
    rig.upstreams({{Transport::udp, core.port()}});
    const Peer client = Peer::udp(rig.port(ShardRig::kClientUdp));
    client.send(Request().text());
    const std::string request = rig.hear(core, "MESSAGE ");
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(request, 200));
    rig.hear(client, "SIP/2.0 200");
    for (const uint8_t code : {ICMP_PORT_UNREACH, ICMP_HOST_UNREACH, ICMP_NET_UNREACH, ICMP_PKT_FILTERED})
      for (const std::string& guess : guesses_at(request)) {
        forge(code, rig.port(ShardRig::kCoreUdp), core.port(), guess);
        rig.turn();
      }
    CHECK(rig.upstream_lives());
    client.send(Request{.number = 2}.text());
    rig.hear(core, "Call-ID: c2\r\n");
    forge(ICMP_PORT_UNREACH, rig.port(ShardRig::kCoreUdp), core.port(), request);
    CHECK(rig.until([&] { return !rig.upstream_lives(); }));
  });
}

}  // namespace sluice::forged_icmp_test
