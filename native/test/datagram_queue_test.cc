// A train of datagrams arrives as the individual datagrams.
#include "core/transport/datagram_queue.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "check.h"

namespace sluice::datagram_queue_test {
namespace {

struct Socket {
  Socket() : fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof any;
    const int room = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    bind(fd, reinterpret_cast<sockaddr*>(&any), size);
    getsockname(fd, reinterpret_cast<sockaddr*>(&any), &size);
    address = from_sockaddr(reinterpret_cast<sockaddr*>(&any));
  }
  ~Socket() { close(fd); }

  std::vector<std::string> all() const {
    std::vector<std::string> texts;
    std::string room(65'536, '\0');
    for (ssize_t n; (n = recv(fd, room.data(), room.size(), 0)) >= 0;) texts.emplace_back(room.data(), static_cast<size_t>(n));
    return texts;
  }

  int fd;
  Address address;
};

struct Sender {
  Sender() { queue.attach(socket.fd, false); }

  void send(const Socket& to, const std::string& head, const std::string& body = "", DatagramQueue::Order order = DatagramQueue::Order::kept) {
    texts.push_back(head);
    const Text kept(texts.back());
    texts.push_back(body);
    queue.add(to.address, kept, texts.back(), counters, order);
  }

  Socket socket;
  DatagramQueue queue;
  int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
  Counters counters{numbers};
  // Reserved, so that the octets do not move before they are sent.
  std::vector<std::string> texts = [] {
    std::vector<std::string> room;
    room.reserve(1024);
    return room;
  }();
};

}  // namespace

TEST("datagrams of equal length, a shorter one and a longer one arrive whole and in order") {
  Sender sender;
  Socket peer;
  std::vector<std::string> wanted;
  for (size_t size : {700u, 700u, 700u, 650u, 700u, 900u, 900u, 1u}) {
    const std::string text(size, static_cast<char>('a' + wanted.size()));
    wanted.push_back(text);
    sender.send(peer, text.substr(0, size / 2), text.substr(size / 2));
  }
  sender.queue.flush(sender.counters);
  CHECK(peer.all() == wanted);
}

TEST("two alternating destinations each get their datagrams") {
  Sender sender;
  Socket left, right;
  for (int i = 0; i < 20; ++i) sender.send(i % 3 == 0 ? left : right, std::string(300, static_cast<char>('a' + i)));
  sender.queue.flush(sender.counters);
  CHECK(left.all().size() == 7);
  CHECK(right.all().size() == 13);
}

TEST("what goes first leaves before the others, both in the order in which they were added, and each as one train") {
  Sender sender;
  Socket peer;
  std::vector<std::string> first, kept;
  for (char i = 0; i < 10; ++i) {
    first.push_back(std::string(300, static_cast<char>('a' + i)));
    kept.push_back(std::string(500, static_cast<char>('A' + i)));
    sender.send(peer, kept.back().substr(0, 400), kept.back().substr(400));
    sender.send(peer, first.back(), "", DatagramQueue::Order::first);
  }
  sender.queue.flush(sender.counters);
  std::vector<std::string> wanted = first;
  wanted.insert(wanted.end(), kept.begin(), kept.end());
  CHECK(peer.all() == wanted);
  // A receiver that accepts whole trains can see them.
  const int on = 1;
  setsockopt(peer.fd, IPPROTO_UDP, 104 /* UDP_GRO */, &on, sizeof on);
  for (size_t i = 0; i < 10; ++i) {
    sender.send(peer, kept[i]);
    sender.send(peer, first[i], "", DatagramQueue::Order::first);
  }
  sender.queue.flush(sender.counters);
  const std::vector<std::string> trains = peer.all();
  CHECK_EQ(trains.size(), 2u);
  CHECK_EQ(trains[0].size(), 3'000u);
  CHECK_EQ(trains[1].size(), 5'000u);
}

TEST("a train takes what follows it even past others, but nothing overtakes what is on its way to the same destination") {
  Sender sender;
  Socket left, right;
  const int on = 1;
  for (const Socket* one : {&left, &right}) setsockopt(one->fd, IPPROTO_UDP, 104 /* UDP_GRO */, &on, sizeof on);
  for (int i = 0; i < 5; ++i) {
    sender.send(left, std::string(300, 'l'));
    sender.send(right, std::string(200, 'r'));
  }
  sender.send(left, std::string(900, 'L'));
  sender.send(left, std::string(300, 'm'));
  sender.queue.flush(sender.counters);
  const std::vector<std::string> got = left.all();
  CHECK_EQ(got.size(), 2u);
  CHECK_EQ(got[0], std::string(1'500, 'l'));
  CHECK_EQ(got[1], std::string(900, 'L') + std::string(300, 'm'));
  CHECK_EQ(right.all().size(), 1u);
}

TEST("what is free leaves last, and with those of its length, whatever was added in between; a shorter one ends a train only when several wait") {
  Sender sender;
  Socket peer, other;
  const int on = 1;
  for (const Socket* one : {&peer, &other}) setsockopt(one->fd, IPPROTO_UDP, 104 /* UDP_GRO */, &on, sizeof on);
  constexpr size_t kSizes[] = {400, 900, 650};
  for (char round = 0; round < 10; ++round) {
    for (const size_t size : kSizes) sender.send(peer, std::string(size, static_cast<char>('a' + round)), "", DatagramQueue::Order::free);
    sender.send(other, std::string(500, 'o'), "", DatagramQueue::Order::free);
  }
  sender.send(peer, std::string(700, 'k'));
  sender.queue.flush(sender.counters);
  std::vector<std::string> wanted{std::string(700, 'k')};
  for (const size_t size : kSizes) {
    wanted.emplace_back();
    for (char round = 0; round < 10; ++round) wanted.back() += std::string(size, static_cast<char>('a' + round));
  }
  CHECK(peer.all() == wanted);
  CHECK_EQ(other.all().size(), 1u);
  // Where no two have the same length, all arrive, and in fewer trains than there are datagrams.
  size_t octets = 0;
  for (size_t i = 0; i < 100; ++i) {
    const size_t size = 300 + i * 37 % 101 * 7;
    octets += size;
    sender.send(peer, std::string(size, 'x'), "", DatagramQueue::Order::free);
  }
  sender.queue.flush(sender.counters);
  const std::vector<std::string> got = peer.all();
  CHECK(got.size() <= 75);
  for (const std::string& one : got) octets -= one.size();
  CHECK_EQ(octets, size_t{0});
}

TEST("as many datagrams and trains as one turn may bring arrive") {
  Sender sender;
  std::vector<std::unique_ptr<Socket>> peers;
  for (int i = 0; i < 100; ++i) peers.push_back(std::make_unique<Socket>());
  for (int round = 0; round < 3; ++round)
    for (const auto& peer : peers) sender.send(*peer, std::string(100, 'x'));
  for (int i = 0; i < 200; ++i) sender.send(*peers[0], std::string(10, 'y'));
  sender.queue.flush(sender.counters);
  CHECK_EQ(peers[0]->all().size(), 203u);
  for (size_t i = 1; i < peers.size(); ++i) CHECK_EQ(peers[i]->all().size(), 3u);
}

TEST("OB-5.3.1-15 more datagrams than fit in a train, and datagrams longer than a frame, all arrive") {
  Sender sender;
  Socket peer;
  for (int i = 0; i < 100; ++i) sender.send(peer, std::string(400, 'x'), "y");
  sender.send(peer, std::string(9'000, 'z'));
  sender.send(peer, std::string(9'000, 'z'));
  sender.queue.flush(sender.counters);
  const std::vector<std::string> got = peer.all();
  CHECK(got.size() == 102);
  CHECK(got.back().size() == 9'000);
  CHECK(sender.counters.get(Counter::send_dropped) == 0);
}

TEST("a datagram too long for any packet is lost alone") {
  Sender sender;
  Socket peer;
  sender.send(peer, std::string(66'000, 'x'));
  sender.send(peer, "after it");
  sender.queue.flush(sender.counters);
  CHECK(peer.all() == std::vector<std::string>{"after it"});
  CHECK(sender.counters.get(Counter::send_dropped) == 1);
}

TEST("OB-13-1 the longest datagram arrives, one octet more is refused when it is put in, and what is before and after it is sent") {
  Sender sender;
  Socket peer;
  sender.send(peer, "before it");
  sender.send(peer, "head", std::string(65'504, 'x'));
  CHECK(sender.queue.has_refused());
  sender.send(peer, "head", std::string(65'503, 'x'));
  sender.queue.flush(sender.counters);
  const std::vector<std::string> got = peer.all();
  CHECK_EQ(got.size(), 2u);
  CHECK_EQ(got[0], "before it");
  CHECK_EQ(got[1].size(), 65'507u);
  CHECK_EQ(sender.counters.get(Counter::send_dropped), 1);
  CHECK_EQ(sender.counters.get(Counter::bytes_out), 9 + 65'507);
  const std::vector<DatagramQueue::Refused> refused = sender.queue.take_refused();
  CHECK_EQ(refused.size(), 1u);
  CHECK(refused[0].to == peer.address && refused[0].error == EMSGSIZE && refused[0].octets == "head");
}

TEST("OB-13-1 what is kept of refused datagrams in a turn is bounded in number and in octets, and of one that is too long only the head") {
  Sender sender;
  Socket nowhere;
  nowhere.address.port = 0;  // EINVAL, whatever is sent there
  const auto refused = [&](unsigned count, size_t octets) {
    const std::string text(octets, 'x');
    for (unsigned i = 0; i < count; ++i) sender.queue.add(nowhere.address, text, Text(), sender.counters), sender.queue.flush(sender.counters);
    return sender.queue.take_refused().size();
  };
  CHECK_EQ(refused(300, 100), 256u);
  CHECK_EQ(refused(200, 10'000), (1u << 20) / 10'000);
  CHECK_EQ(refused(200, 10'000), (1u << 20) / 10'000);  // in the next turn
  const std::string long_one = "MESSAGE sip:a@b SIP/2.0\r\n\r\n" + std::string(66'000, 'x');
  for (int i = 0; i < 100; ++i) sender.queue.add(nowhere.address, long_one, Text(), sender.counters);
  const std::vector<DatagramQueue::Refused> kept = sender.queue.take_refused();
  CHECK_EQ(kept.size(), 100u);
  CHECK_EQ(kept.back().octets, "MESSAGE sip:a@b SIP/2.0\r\n\r\n");
}

TEST("a destination that refuses trains gets its datagrams one by one, and all others keep their trains") {
  Sender sender;
  Socket good;
  Socket nowhere;
  nowhere.address.port = 0;  // EINVAL, whatever is sent there
  const std::string text(500, 'x');
  for (int round = 0; round < 3; ++round) {
    sender.send(nowhere, text);
    sender.send(nowhere, text);
    sender.queue.flush(sender.counters);
  }
  CHECK_EQ(sender.counters.get(Counter::send_dropped), 6);
  CHECK_EQ(sender.counters.get(Counter::trains_refused), 1);
  const std::vector<DatagramQueue::Refused> refused = sender.queue.take_refused();
  CHECK_EQ(refused.size(), 6u);
  CHECK(refused[5].to == nowhere.address && refused[5].octets == text);
  CHECK(!sender.queue.has_refused());
  // A receiver that accepts whole trains can see that one was sent.
  const int on = 1;
  setsockopt(good.fd, IPPROTO_UDP, 104 /* UDP_GRO */, &on, sizeof on);
  sender.send(good, text);
  sender.send(good, text);
  sender.queue.flush(sender.counters);
  CHECK_EQ(good.all()[0].size(), 1000u);
}

}  // namespace sluice::datagram_queue_test
