// The ring between shards: order, room, waking, and four threads at once.
#include "core/base/ring.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <random>
#include <thread>

#include "check.h"

namespace sluice::ring_test {
namespace {

bool push(Ring& ring, const std::string& text, bool* wake = nullptr) {
  // In three pieces, one of them empty.
  char* data = const_cast<char*>(text.data());
  const size_t half = text.size() / 2;
  const iovec pieces[] = {{data, half}, {nullptr, 0}, {data + half, text.size() - half}};
  bool due = false;
  const bool done = ring.push(pieces, 3, due);
  if (wake != nullptr) *wake = due;
  return done;
}

// "-" if there is none.
std::string take(Ring& ring) {
  size_t size = 0;
  const uint8_t* record = ring.front(size);
  if (record == nullptr) return "-";
  CHECK_EQ(reinterpret_cast<uintptr_t>(record) % 8, 0u);
  const std::string text(reinterpret_cast<const char*>(record), size);
  ring.pop();
  return text;
}

}  // namespace

TEST("ring: records come out as they went in, including empty ones and ones that look like counts") {
  Ring ring(4096);
  const std::string records[] = {"a",        "",          std::string(8, '\0'),    std::string(8, '\xff'),
                                 "12345678", "123456789", std::string(1000, 'x'), std::string(8, '\1')};
  for (int round = 0; round < 50; ++round) {
    for (const std::string& text : records) CHECK(push(ring, text));
    for (const std::string& text : records) CHECK_EQ(take(ring), text);
    CHECK_EQ(take(ring), "-");
  }
}

TEST("ring: front() returns the same record until pop()") {
  Ring ring(256);
  CHECK(push(ring, "one"));
  CHECK(push(ring, "two"));
  size_t size = 0;
  const uint8_t* first = ring.front(size);
  CHECK(first == ring.front(size));
  CHECK_EQ(size, 3u);
  CHECK_EQ(take(ring), "one");
  CHECK_EQ(take(ring), "two");
}

TEST("ring: a full ring refuses, and has room again once a record is taken") {
  Ring ring(1024);
  int held = 0;
  while (push(ring, std::string(56, static_cast<char>('a' + held % 26)))) ++held;
  CHECK_EQ(held, 16);
  CHECK_EQ(take(ring), std::string(56, 'a'));
  CHECK(push(ring, std::string(56, '!')));
  CHECK(!push(ring, ""));
  for (int i = 1; i < 16; ++i) CHECK_EQ(take(ring), std::string(56, static_cast<char>('a' + i)));
  CHECK_EQ(take(ring), std::string(56, '!'));
  CHECK_EQ(take(ring), "-");
}

TEST("ring: the longest record fits at every position, a longer one never") {
  Ring ring(1000);
  CHECK_EQ(ring.max_record(), 504u);
  const std::string longest(ring.max_record(), 'z');
  for (int place = 0; place < 300; ++place) {
    CHECK(push(ring, longest));
    CHECK_EQ(take(ring), longest);
    CHECK(push(ring, ""));
    CHECK_EQ(take(ring), "");
    CHECK(!push(ring, longest + "z"));
  }
  const iovec huge[] = {{nullptr, SIZE_MAX / 2}, {nullptr, SIZE_MAX / 2}, {nullptr, 2}};
  bool wake = false;
  CHECK(!ring.push(huge, 3, wake));
}

TEST("ring: behaves like a plain queue") {
  for (size_t capacity : {64u, 128u, 1024u, 4096u}) {
    Ring ring(capacity);
    std::mt19937 random(static_cast<uint32_t>(capacity));
    std::deque<std::string> model;
    size_t refused = 0;
    for (int step = 0; step < 50000; ++step) {
      if (random() % 2 == 0) {
        const std::string text(random() % (ring.max_record() + 1), static_cast<char>(random()));
        if (push(ring, text)) model.push_back(text);
        else ++refused;
      } else {
        CHECK_EQ(take(ring), model.empty() ? "-" : model.front());
        if (!model.empty()) model.pop_front();
      }
    }
    CHECK(refused > 0);
  }
}

TEST("ring: only the first push after an empty front() has to wake the consumer") {
  Ring ring(1024);
  bool wake = false;
  CHECK(push(ring, "first", &wake) && wake);  // nobody has looked yet
  CHECK(push(ring, "x", &wake) && !wake);
  CHECK_EQ(take(ring), "first");
  CHECK(push(ring, "x", &wake) && !wake);
  CHECK_EQ(take(ring), "x");
  CHECK_EQ(take(ring), "x");
  CHECK(push(ring, "x", &wake) && !wake);  // the consumer has not seen the end yet
  CHECK_EQ(take(ring), "x");
  CHECK_EQ(take(ring), "-");
  CHECK(push(ring, "x", &wake) && wake);
  CHECK_EQ(take(ring), "x");
  CHECK_EQ(take(ring), "-");
  CHECK(!push(ring, std::string(2000, 'x'), &wake) && !wake);
}

TEST("ring: four producers and a sleeping consumer: nothing is lost, duplicated, mixed up or reordered") {
  constexpr uint32_t kProducers = 4;
  constexpr uint32_t kRecords = 20000;
  Ring ring(16384);
  const int wakes = eventfd(0, EFD_CLOEXEC);
  CHECK(wakes >= 0);

  const auto produce = [&](uint32_t producer) {
    std::mt19937 random(producer);
    for (uint32_t number = 0; number < kRecords; ++number) {
      uint32_t head[2] = {producer, number};
      std::string body(random() % 200 + (number % 500 == 0 ? 4000 : 0), static_cast<char>('a' + (producer + number) % 26));
      const iovec pieces[] = {{head, sizeof head}, {body.data(), body.size()}};
      bool wake = false;
      while (!ring.push(pieces, 2, wake)) std::this_thread::yield();
      const uint64_t one = 1;
      if (wake && write(wakes, &one, sizeof one) < 0) return;
      if (random() % 300 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));  // let the consumer fall asleep
    }
  };
  std::vector<std::thread> producers;
  uint32_t next[kProducers] = {};
  uint32_t wrong = 0, seen = 0;
  while (seen < kProducers * kRecords) {
    size_t size = 0;
    const uint8_t* record = ring.front(size);
    if (record == nullptr) {
      // The consumer is asleep before the first record, whatever the threads do later.
      for (uint32_t i = static_cast<uint32_t>(producers.size()); i < kProducers; ++i) producers.emplace_back(produce, i);
      pollfd ready{wakes, POLLIN, 0};
      const bool woken = poll(&ready, 1, 60000) == 1;  // a lost wake-up fails here instead of hanging for ever
      CHECK(woken);
      uint64_t count = 0;
      if (!woken || read(wakes, &count, sizeof count) < 0) break;
      continue;
    }
    uint32_t head[2] = {kProducers, 0};
    if (size >= sizeof head) std::memcpy(head, record, sizeof head);
    if (head[0] >= kProducers || head[1] != next[head[0]]++) ++wrong;
    for (size_t i = sizeof head; i < size; ++i) wrong += record[i] != 'a' + (head[0] + head[1]) % 26;
    ring.pop();
    ++seen;
  }
  for (std::thread& thread : producers) thread.join();
  close(wakes);
  CHECK_EQ(seen, kProducers * kRecords);
  CHECK_EQ(wrong, 0u);
  CHECK_EQ(take(ring), "-");
}

TEST("ring: a record pushed just as the consumer falls asleep wakes it") {
  constexpr uint32_t kRounds = 100'000;
  Ring ring(256);
  const int wakes = eventfd(0, EFD_CLOEXEC);
  CHECK(wakes >= 0);
  std::atomic<uint32_t> taken{0};
  std::atomic<bool> stop{false};
  std::thread producer([&] {
    // Each record follows the previous one at once, just when the consumer looks again.
    for (uint32_t number = 0; number < kRounds && !stop; ++number) {
      const iovec piece{&number, sizeof number};
      bool wake = false;
      if (!ring.push(&piece, 1, wake)) return;
      const uint64_t one = 1;
      if (wake && write(wakes, &one, sizeof one) < 0) return;
      for (uint32_t spins = 0; taken.load() != number + 1 && !stop; ++spins)
        if (spins % 64 == 63) std::this_thread::yield();
    }
  });
  uint32_t seen = 0;
  while (seen < kRounds) {
    size_t size = 0;
    if (ring.front(size) != nullptr) {
      ring.pop();
      taken.store(++seen);
      continue;
    }
    pollfd ready{wakes, POLLIN, 0};
    uint64_t count = 0;
    if (poll(&ready, 1, 20000) != 1 || read(wakes, &count, sizeof count) < 0) break;
  }
  CHECK_EQ(seen, kRounds);
  stop = true;
  producer.join();
  close(wakes);
}

}  // namespace sluice::ring_test
