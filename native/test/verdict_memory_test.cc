// What a shard remembers of its policy's decisions.
#include "core/shard/verdict_memory.h"

#include <random>

#include "check.h"

namespace sluice::verdict_memory_test {
namespace {

struct Batch {
  std::array<int32_t, k_batch_size * k_record_fields> records{};
  std::array<int32_t, k_batch_size * k_verdict_fields> verdicts{};

  int32_t& record(unsigned row, size_t field) { return records[row * k_record_fields + field]; }
  int32_t& verdict(unsigned row, size_t field) { return verdicts[row * k_verdict_fields + field]; }
  bool recall(VerdictMemory& memory, unsigned count) { return memory.recall(records.data(), verdicts.data(), count); }
  void learn(VerdictMemory& memory, unsigned count) { memory.learn(records.data(), verdicts.data(), count); }
};

}  // namespace

TEST("a verdict is recalled for the very same record, all its fields, and for no other") {
  VerdictMemory memory;
  Batch batch;
  CHECK(!batch.recall(memory, 1));
  for (size_t i = 0; i < k_record_fields; ++i) batch.record(0, i) = static_cast<int32_t>(i) - 3;
  for (size_t i = 0; i < k_verdict_fields; ++i) batch.verdict(0, i) = static_cast<int32_t>(100 + i);
  batch.learn(memory, 1);
  batch.verdicts.fill(0);
  CHECK(batch.recall(memory, 1));
  for (size_t i = 0; i < k_verdict_fields; ++i) CHECK_EQ(batch.verdict(0, i), static_cast<int32_t>(100 + i));
  for (size_t i = 0; i < k_record_fields; ++i) {
    ++batch.record(0, i);
    batch.verdicts.fill(-7);
    CHECK(!batch.recall(memory, 1));
    for (size_t j = 0; j < k_verdict_fields; ++j) CHECK_EQ(batch.verdict(0, j), -7);
    --batch.record(0, i);
  }
}

TEST("a batch is recalled as a whole or not at all") {
  VerdictMemory memory;
  Batch batch;
  batch.record(0, 0) = 1;
  batch.record(1, 0) = 2;
  batch.verdict(0, 0) = 10;
  batch.learn(memory, 1);
  batch.verdicts.fill(0);
  CHECK(!batch.recall(memory, 2));
  CHECK_EQ(batch.verdict(0, 0), 0);
  batch.verdict(0, 0) = 10;
  batch.verdict(1, 0) = 20;
  batch.learn(memory, 2);
  batch.verdicts.fill(0);
  CHECK(batch.recall(memory, 2));
  CHECK_EQ(batch.verdict(0, 0), 10);
  CHECK_EQ(batch.verdict(1, 0), 20);
}

TEST("nothing is recalled of what was decided under other settings") {
  VerdictMemory memory;
  Batch batch;
  batch.learn(memory, 1);
  CHECK(batch.recall(memory, 1));
  memory.forget();
  CHECK(!batch.recall(memory, 1));
  batch.learn(memory, 1);
  CHECK(batch.recall(memory, 1));
}

TEST("sixteen kinds of message that take turns are all remembered, whichever they are") {
  std::mt19937 random(3);
  for (unsigned round = 0; round < 2'000; ++round) {
    VerdictMemory memory;
    std::array<Batch, 16> kinds;
    unsigned kind = 0;
    for (Batch& one : kinds) {
      one.record(0, 0) = static_cast<int32_t>(kind++);
      for (size_t i = 1; i < k_record_fields; ++i) one.record(0, i) = static_cast<int32_t>(random() % 4);
      one.learn(memory, 1);
    }
    unsigned forgotten = 0;
    for (Batch& one : kinds) forgotten += !one.recall(memory, 1);
    // Five of sixteen in one of 32 sets: one time in several hundred.
    CHECK(forgotten <= 2);
  }
}

TEST("whatever records come, a verdict that is recalled is the policy's") {
  VerdictMemory memory;
  std::mt19937 random(7);
  unsigned recalled = 0;
  for (unsigned round = 0; round < 20'000; ++round) {
    Batch batch;
    const int32_t kind = static_cast<int32_t>(random() % 100), field = static_cast<int32_t>(random() % k_record_fields);
    batch.record(0, static_cast<size_t>(field)) = kind;
    const int32_t policy = kind == 0 ? 0 : kind * 64 + field;
    if (batch.recall(memory, 1)) {
      ++recalled;
      CHECK_EQ(batch.verdict(0, 0), policy);
    } else {
      batch.verdict(0, 0) = policy;
      batch.learn(memory, 1);
    }
  }
  CHECK(recalled > 0);
}

}  // namespace sluice::verdict_memory_test
