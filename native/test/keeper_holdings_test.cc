// What the keeper holds: whatever a server says, each descriptor is held once or closed.
#include "keeper/holdings.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>

#include "check.h"

namespace sluice::keeper_holdings_test {
namespace {

size_t open_descriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 1'024; ++fd) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

struct Keeper {
  Holdings holdings;

  void say(KeeperWord word, uint32_t shard, uint32_t count, const std::vector<KeptPlace>& places, size_t descriptors) {
    std::vector<int> given;
    for (size_t i = 0; i < descriptors; ++i) given.push_back(eventfd(0, EFD_CLOEXEC));
    holdings.take({word, shard, count, 1}, Text(reinterpret_cast<const char*>(places.data()), places.size() * sizeof(KeptPlace)), given.data(), given.size());
  }
  void keep(std::vector<KeptPlace> places) { say(KeeperWord::keep, 0, static_cast<uint32_t>(places.size()), places, places.size()); }
  void drop(std::vector<KeptPlace> places) { say(KeeperWord::drop, 0, static_cast<uint32_t>(places.size()), places, 0); }
  void will(uint32_t part, uint32_t parts, Text text) {
    const int one = eventfd(0, EFD_CLOEXEC);
    holdings.take({KeeperWord::will, part, parts, 1}, text, &one, 1);
  }
};

}  // namespace

TEST("what is forgotten is closed: the will, one that is not whole yet, connections, and the memory of every shard") {
  const size_t before = open_descriptors();
  Keeper keeper;
  keeper.will(0, 1, "who it was");
  keeper.will(0, 2, "who it will be");
  keeper.keep({{1, 5}, {2, 6}});
  keeper.say(KeeperWord::memory, 3, 0, {}, 1);
  CHECK(keeper.holdings.has_will());
  keeper.holdings.forget();
  CHECK(!keeper.holdings.has_will());
  CHECK_EQ(keeper.holdings.connections(), 0u);
  CHECK_EQ(open_descriptors(), before);
  keeper.keep({{1, 7}});
  CHECK_EQ(keeper.holdings.connections(), 1u);
}

TEST("connections are held by slot and generation, each once") {
  const size_t before = open_descriptors();
  {
    Keeper keeper;
    keeper.keep({{1, 5}, {2, 6}, {4'000, 7}});
    CHECK_EQ(keeper.holdings.connections(), 3u);
    keeper.keep({{2, 8}});
    CHECK_EQ(keeper.holdings.connections(), 3u);
    keeper.drop({{2, 6}, {3, 1}, {9'999'999, 1}, {1, 5}});
    CHECK_EQ(keeper.holdings.connections(), 2u);
    CHECK_EQ(open_descriptors(), before + 2);
    keeper.say(KeeperWord::end, 0, 0, {}, 0);
    CHECK_EQ(keeper.holdings.connections(), 0u);
    CHECK_EQ(open_descriptors(), before);
    keeper.keep({{1, 9}});
    keeper.say(KeeperWord::memory, 0, 1, {}, 1);
    CHECK_EQ(keeper.holdings.connections(), 1u);
    keeper.say(KeeperWord::memory, 0, 0, {}, 1);
    CHECK_EQ(keeper.holdings.connections(), 0u);
  }
  CHECK_EQ(open_descriptors(), before);
}

TEST("what is not as it should be is closed and forgotten") {
  const size_t before = open_descriptors();
  Keeper keeper;
  keeper.say(KeeperWord::keep, kMostKeptShards, 1, {{1, 1}}, 1);
  keeper.say(KeeperWord::keep, 0, 2, {{1, 1}}, 2);
  keeper.say(KeeperWord::keep, 0, 2, {{1, 1}, {2, 2}}, 1);
  keeper.say(KeeperWord::keep, 0, 1, {{0, 1}}, 1);
  keeper.say(KeeperWord::keep, 0, 1, {{1u << 24, 1}}, 1);
  keeper.say(KeeperWord::keep, 0, UINT32_MAX, {{1, 1}}, 1);
  keeper.say(KeeperWord::drop, 0, UINT32_MAX, {{1, 1}}, 3);
  keeper.say(KeeperWord::memory, 0, 0, {}, 0);
  keeper.say(KeeperWord::memory, 0, 0, {}, 3);
  keeper.say(static_cast<KeeperWord>(99), 0, 0, {}, 2);
  CHECK_EQ(keeper.holdings.connections(), 0u);
  CHECK_EQ(open_descriptors(), before);
}

TEST("a will counts when it is whole, and then instead of the one before") {
  const size_t before = open_descriptors();
  {
    Keeper keeper;
    keeper.will(0, 2, "first");
    CHECK(!keeper.holdings.has_will());
    keeper.will(1, 2, "shard 0");
    CHECK(keeper.holdings.has_will());
    CHECK_EQ(open_descriptors(), before + 2);
    // One that breaks off, and one out of order.
    keeper.will(0, 2, "second");
    keeper.will(0, 3, "third");
    keeper.will(2, 3, "too early");
    CHECK_EQ(open_descriptors(), before + 2);
    keeper.will(0, 1, "fourth");
    CHECK_EQ(open_descriptors(), before + 1);
    int ends[2];
    CHECK_EQ(DescriptorChannel::open(ends), 0);
    DescriptorChannel channel(ends[0]);
    KeeperDeath death{};
    death.status = 9;
    death.crashes = 3;
    CHECK_EQ(keeper.holdings.give_will(channel, death), 0);
    char room[256];
    int descriptors[DescriptorChannel::kMostDescriptors];
    size_t count = 0;
    DescriptorChannel other(ends[1]);
    CHECK_EQ(other.receive(room, sizeof room, descriptors, &count), static_cast<ssize_t>(sizeof death));
    std::memcpy(&death, room, sizeof death);
    CHECK_EQ(death.head.count, 1u);
    CHECK_EQ(death.crashes, 3u);
    CHECK_EQ(other.receive(room, sizeof room, descriptors, &count), 6);
    CHECK_EQ(count, 1u);
    CHECK_EQ(Text(room, 6), "fourth");
    close(descriptors[0]);
    for (const int end : ends) close(end);
  }
  CHECK_EQ(open_descriptors(), before);
}

}  // namespace sluice::keeper_holdings_test
