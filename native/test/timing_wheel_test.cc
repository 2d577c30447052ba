// The timing wheel compared with a plain ordered map, and the cost of a turn.
#include "core/base/timing_wheel.h"

#include <map>
#include <random>

#include "check.h"

namespace sluice::timing_wheel_test {
namespace {

struct Nodes {
  explicit Nodes(size_t size) : nodes(size + 1) {}
  WheelNode& node(uint32_t index) noexcept {
    CHECK(index != 0 && index < nodes.size());
    ++touched;
    return nodes[index];
  }
  std::vector<WheelNode> nodes;
  size_t touched = 0;
};

using Wheel = TimingWheel<Nodes>;

// What the wheel should do. Time has 64 bits here, so it does not wrap.
struct Model {
  std::multimap<uint64_t, uint32_t> by_tick;
  std::vector<uint64_t> due;
  uint64_t now;

  Model(size_t size, uint64_t start) : due(size + 1, 0), now(start) {}
  bool armed(uint32_t index) const { return due[index] != 0; }
  void cancel(uint32_t index) {
    if (!armed(index)) return;
    auto [at, end] = by_tick.equal_range(due[index]);
    while (at != end && at->second != index) ++at;
    by_tick.erase(at);
    due[index] = 0;
  }
  void arm(uint32_t index, uint32_t delay) {
    cancel(index);
    due[index] = now + std::min<uint32_t>(std::max(delay, 1u), Wheel::kMaxDelay);
    by_tick.emplace(due[index], index);
  }
};

// Delays from all levels equally often, and their limits.
uint32_t some_delay(std::mt19937& random) {
  const uint32_t edge = 1u << (6 * (random() % 5));
  switch (random() % 4) {
    case 0: return edge + random() % 3 - 1;
    case 1: return random() % 200;
    default: return random() % (edge + 1);
  }
}

void compare(uint32_t seed, uint64_t start, uint32_t longest_jump) {
  constexpr uint32_t kNodes = 300;
  std::mt19937 random(seed);
  Nodes nodes(kNodes);
  Wheel wheel(nodes, static_cast<uint32_t>(start));
  Model model(kNodes, start);
  const auto some_node = [&] { return static_cast<uint32_t>(random() % kNodes + 1); };
  for (int step = 0; step < 20000; ++step) {
    const uint32_t index = some_node();
    switch (random() % 6) {
      case 0: case 1: case 2: {
        const uint32_t delay = some_delay(random);
        wheel.arm(index, delay);
        model.arm(index, delay);
        break;
      }
      case 3:
        wheel.cancel(index);
        model.cancel(index);
        break;
      default: {
        model.now += random() % 8 == 0 ? random() % longest_jump : random() % 100;
        const size_t budget = random() % 3 == 0 ? random() % 20 : 1000000;
        size_t seen = 0;
        const size_t calls = wheel.advance(static_cast<uint32_t>(model.now), budget, [&](uint32_t expired) {
          ++seen;
          CHECK(!wheel.armed(expired));
          CHECK(model.armed(expired));
          CHECK(model.due[expired] <= model.now);
          CHECK(!model.by_tick.empty() && model.due[expired] == model.by_tick.begin()->first);  // nothing due earlier is still waiting
          model.cancel(expired);
          const uint32_t other = random() % 2 == 0 ? expired : some_node();
          if (random() % 3 == 0) {
            const uint32_t delay = some_delay(random);
            wheel.arm(other, delay);
            model.arm(other, delay);
          } else if (random() % 3 == 0) {
            wheel.cancel(other);
            model.cancel(other);
          }
        });
        CHECK_EQ(calls, seen);
        CHECK(calls <= budget);
        if (calls < budget) CHECK(model.by_tick.empty() || model.by_tick.begin()->first > model.now);
      }
    }
    CHECK_EQ(wheel.armed(index), model.armed(index));
    CHECK_EQ(wheel.size(), model.by_tick.size());
    CHECK_EQ(wheel.now(), static_cast<uint32_t>(model.now));
    // Nothing is due before that.
    const uint32_t quiet = wheel.quiet_for();
    CHECK(quiet >= 1);
    CHECK(quiet == 1 || model.by_tick.empty() || model.by_tick.begin()->first - model.now >= quiet);
  }
  for (uint32_t index = 1; index <= kNodes; ++index) CHECK_EQ(wheel.armed(index), model.armed(index));
}

}  // namespace

TEST("a wheel says for how long it may be left alone") {
  Nodes nodes(2);
  Wheel wheel(nodes, 1'000);
  CHECK_EQ(wheel.quiet_for(), Wheel::kMaxDelay);
  wheel.arm(1, 40);
  CHECK(wheel.quiet_for() <= 40 && wheel.quiet_for() > 20);  // perhaps only to move it down
  wheel.arm(2, 1);
  CHECK_EQ(wheel.quiet_for(), 1u);
  wheel.arm(1, 1);
  CHECK_EQ(wheel.advance(1'001, 1, [](uint32_t) {}), 1u);
  CHECK_EQ(wheel.quiet_for(), 1u);  // the budget has left one behind
}

TEST("OB-5.4-15 the wheel behaves like an ordered map, however time jumps") {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    compare(seed, 1000, 100);
    compare(seed, 1000, 5000);
    compare(seed, 1000, 1u << 19);
    compare(seed, 1000, 1u << 25);
  }
}

TEST("OB-5.4-15 ticks wrap") {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    compare(seed, 0xFFFFFF00, 300);
    compare(seed, 0xFFFF0000, 1u << 14);
    compare(seed, 0xFF000000, 1u << 24);
    compare(seed, 0xF0000000, 1u << 29);
  }
}

TEST("OB-5.4-15 every delay around the limits of the levels expires at its tick, from every position in a slot") {
  for (uint32_t start : {0u, 1u, 63u, 64u, 4095u, 4096u, 4097u, 262143u, 262144u, 0xFFFFFFFFu, 0xFFFFFFC1u}) {
    for (uint32_t edge : {1u, 64u, 4096u, 262144u, 1u << 24}) {
      for (uint32_t delay = edge - 1; delay <= edge + 1; ++delay) {
        Nodes nodes(1);
        Wheel wheel(nodes, start);
        wheel.arm(1, delay);
        const uint32_t due = std::min(std::max(delay, 1u), Wheel::kMaxDelay);
        CHECK_EQ(wheel.advance(start + due - 1, 10, [](uint32_t) {}), 0u);
        CHECK(wheel.armed(1));
        CHECK_EQ(wheel.advance(start + due, 10, [](uint32_t) {}), 1u);
        CHECK(!wheel.armed(1));
      }
    }
  }
}

TEST("OB-5.4-15 a sweep over 100,000 idle flows touches only those that expire") {
  constexpr uint32_t kFlows = 100'000;
  constexpr uint32_t kTicks = 9'000;
  Nodes nodes(kFlows);
  Wheel wheel(nodes, 12345);
  for (uint32_t index = 1; index <= kFlows; ++index) wheel.arm(index, 10'000 + index % 500);
  nodes.touched = 0;
  size_t expired = 0;
  for (uint32_t tick = 1; tick <= kTicks; ++tick) expired += wheel.advance(12345 + tick, 1000, [](uint32_t) {});
  CHECK_EQ(expired, 0u);
  // A node moves at most once here, from the third level to the second; this touches the node and its neighbour's link.
  CHECK(nodes.touched <= 4 * kFlows);

  for (uint32_t index = 1; index <= kFlows; ++index) wheel.arm(index, index <= 50 ? 100 : 1'000'000);
  nodes.touched = 0;
  for (uint32_t tick = 1; tick <= 200; ++tick) expired += wheel.advance(12345 + kTicks + tick, 1000, [](uint32_t) {});
  CHECK_EQ(expired, 50u);
  CHECK(nodes.touched <= 50 * 20);
}

TEST("OB-5.4-15 a slot with 100,000 nodes moves down in pieces, and each comes at its tick or as soon as its turn has come") {
  constexpr uint32_t kMany = 100'000, kAtOnce = 4'096;
  Nodes nodes(kMany);
  Wheel wheel(nodes, 0);
  for (uint32_t index = 1; index <= kMany; ++index) wheel.arm(index, 128 + index % 64);
  size_t expired = 0;
  uint32_t last = 0;
  for (uint32_t tick = 1; tick <= 400 && expired < kMany; ++tick) {
    do {
      nodes.touched = 0;
      expired += wheel.advance(tick, 100, [&](uint32_t index) {
        CHECK(128 + index % 64 <= tick);
        CHECK(128 + index % 64 >= last);
        last = 128 + index % 64;
      });
      CHECK(nodes.touched <= 4 * (kAtOnce + 100));
    } while (wheel.is_behind() && tick % 2 == 0);
  }
  CHECK_EQ(expired, kMany);
  CHECK(!wheel.is_behind());
}

TEST("OB-5.4-15 a long time without work takes few steps") {
  Nodes nodes(2);
  Wheel wheel(nodes, 5);
  wheel.arm(1, Wheel::kMaxDelay);
  nodes.touched = 0;
  CHECK_EQ(wheel.advance(5 + Wheel::kMaxDelay, 10, [](uint32_t) {}), 1u);
  CHECK(nodes.touched <= 20);
  CHECK_EQ(wheel.advance(5 + Wheel::kMaxDelay + 0x7FFFFFFF, 10, [](uint32_t) {}), 0u);
  wheel.arm(2, 3);
  CHECK_EQ(wheel.advance(wheel.now() + 3, 10, [](uint32_t) {}), 1u);
}

TEST("OB-5.4-15 what the budget leaves comes next, and may still be moved or cancelled") {
  Nodes nodes(10);
  Wheel wheel(nodes, 0);
  for (uint32_t index = 1; index <= 10; ++index) wheel.arm(index, index);
  std::string seen;
  const auto note = [&](uint32_t index) { seen += std::to_string(index) + " "; };
  CHECK_EQ(wheel.advance(100, 4, note), 4u);
  CHECK_EQ(seen, "1 2 3 4 ");
  CHECK(wheel.armed(5));
  wheel.cancel(5);
  wheel.arm(6, 1);
  CHECK_EQ(wheel.advance(100, 100, note), 4u);
  CHECK_EQ(seen, "1 2 3 4 7 8 9 10 ");
  CHECK_EQ(wheel.advance(101, 100, note), 1u);
  CHECK_EQ(wheel.advance(50, 100, note), 0u);
  CHECK_EQ(wheel.now(), 101u);
  CHECK_EQ(wheel.size(), 0u);
}

TEST("a deadline that moves ahead stays where it is, without a look at the nodes beside it; one that comes nearer moves") {
  Nodes nodes(4);
  Wheel wheel(nodes, 0);
  for (uint32_t index = 1; index <= 3; ++index) wheel.arm(index, 10);
  nodes.touched = 0;
  wheel.arm_by(2, 10);
  wheel.arm_by(2, 500);
  CHECK_EQ(nodes.touched, 2u);
  wheel.arm_by(3, 4);
  wheel.arm_by(4, 6);
  std::string seen;
  const auto note = [&](uint32_t index) { seen += std::to_string(index) + " "; };
  wheel.advance(4, 100, note);
  CHECK_EQ(seen, "3 ");
  wheel.advance(6, 100, note);
  CHECK_EQ(seen, "3 4 ");
  CHECK_EQ(wheel.advance(10, 100, note), 2u);
  CHECK_EQ(wheel.size(), 0u);
}

}  // namespace sluice::timing_wheel_test
