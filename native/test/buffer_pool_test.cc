// The buffer pool: sizes, caps, and what it keeps.
#include "core/base/buffer_pool.h"

#include <cstring>
#include <deque>
#include <random>

#include "check.h"

namespace sluice::buffer_pool_test {

TEST("TR-19 buffers come in four sizes, and each request gets the smallest that fits") {
  BufferPool pool(1u << 20);
  const std::pair<size_t, size_t> cases[] = {{0, 2048},     {1, 2048},     {2048, 2048},    {2049, 8192},     {8192, 8192},
                                             {8193, 32768}, {32768, 32768}, {32769, 131072}, {131072, 131072}};
  for (const auto& [octets, expected] : cases) {
    size_t capacity = 0;
    void* buffer = pool.take(octets, capacity);
    CHECK(buffer != nullptr);
    CHECK_EQ(capacity, expected);
    std::memset(buffer, 0xAA, capacity);
    CHECK_EQ(pool.lent(), expected);
    pool.give(buffer, capacity);
    CHECK_EQ(pool.lent(), 0u);
  }
  size_t capacity = 7;
  CHECK(pool.take(BufferPool::kLargest + 1, capacity) == nullptr);
  CHECK(pool.take(SIZE_MAX, capacity) == nullptr);
  CHECK_EQ(capacity, 7u);
}

TEST("TR-19 nothing is lent beyond the cap, and returned buffers can be lent again") {
  BufferPool pool(5 * 2048 + 100);
  std::vector<void*> held;
  size_t capacity = 0;
  for (int i = 0; i < 5; ++i) held.push_back(pool.take(100, capacity));
  for (void* buffer : held) CHECK(buffer != nullptr);
  CHECK(pool.take(1, capacity) == nullptr);
  CHECK(pool.take(8192, capacity) == nullptr);
  pool.give(held.back(), 2048);
  CHECK(pool.take(8192, capacity) == nullptr);
  held.back() = pool.take(1, capacity);
  CHECK(held.back() != nullptr);
  for (void* buffer : held) pool.give(buffer, 2048);

  BufferPool tiny(1000);
  CHECK(tiny.take(1, capacity) == nullptr);
}

TEST("TR-19 a returned buffer is reused before the system is asked for memory") {
  BufferPool pool(1u << 20);
  size_t capacity = 0;
  void* first = pool.take(1, capacity);
  pool.give(first, capacity);
  CHECK_EQ(pool.idle(), 2048u);
  CHECK(pool.take(2000, capacity) == first);
  CHECK_EQ(pool.idle(), 0u);
  pool.give(first, capacity);
}

TEST("TR-19 idle buffers of one size do not prevent lending another, and count towards the cap") {
  BufferPool pool(131072 + 2048, 131072 + 2048);
  size_t capacity = 0;
  void* large = pool.take(131072, capacity);
  pool.give(large, capacity);
  CHECK_EQ(pool.idle(), 131072u);
  void* small[2] = {pool.take(1, capacity), pool.take(1, capacity)};
  CHECK(small[0] != nullptr && small[1] != nullptr);
  CHECK(pool.lent() + pool.idle() <= 131072 + 2048);
  for (void* buffer : small) pool.give(buffer, 2048);
}

TEST("TR-19 idle memory stays within its bound") {
  BufferPool pool(64u << 20, 3 * 8192);
  std::vector<void*> held;
  size_t capacity = 0;
  for (int i = 0; i < 10; ++i) held.push_back(pool.take(8192, capacity));
  for (void* buffer : held) pool.give(buffer, capacity);
  CHECK_EQ(pool.lent(), 0u);
  CHECK_EQ(pool.idle(), 3u * 8192);
}

TEST("TR-19 whatever is taken and returned, buffers never overlap and the sums are right") {
  constexpr size_t kCap = 2u << 20;
  constexpr size_t kIdle = 256u << 10;
  struct Held {
    uint8_t* buffer;
    size_t capacity;
    uint8_t mark;
  };
  BufferPool pool(kCap, kIdle);
  std::mt19937 random(3);
  std::deque<Held> held;
  size_t lent = 0, refused = 0;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 100 < 52 || held.empty()) {
      size_t capacity = 0;
      auto* buffer = static_cast<uint8_t*>(pool.take(random() % (random() % 4 == 0 ? 131073 : 9000), capacity));
      if (buffer == nullptr) {
        ++refused;
      } else {
        lent += capacity;
        held.push_back({buffer, capacity, static_cast<uint8_t>(random())});
        buffer[0] = buffer[capacity / 2] = buffer[capacity - 1] = held.back().mark;
      }
    } else {
      std::swap(held[random() % held.size()], held.back());
      const Held one = held.back();
      held.pop_back();
      for (size_t at : {size_t{0}, one.capacity / 2, one.capacity - 1}) CHECK_EQ(one.buffer[at], one.mark);
      pool.give(one.buffer, one.capacity);
      lent -= one.capacity;
    }
    CHECK_EQ(pool.lent(), lent);
    CHECK(pool.lent() + pool.idle() <= kCap);
    CHECK(pool.idle() <= kIdle);
  }
  CHECK(refused > 0);
  for (const Held& one : held) pool.give(one.buffer, one.capacity);
  CHECK_EQ(pool.lent(), 0u);
}

}  // namespace sluice::buffer_pool_test
