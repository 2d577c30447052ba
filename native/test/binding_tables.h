// Tables of bindings for tests, the records of their changes, and what becomes of them in time.
#pragma once

#include <algorithm>
#include <random>

#include "bindings.h"
#include "check.h"

namespace sluice::binding_table_test {
using namespace test;

constexpr SipKey kKey{1, 2};
constexpr TableBounds kBounds{100'000, 64 << 20};
constexpr uint64_t kStart = 1'700'000'000'000;

// Keeps the records of the table's changes.
struct Log final : ChangeLog {
  std::string records;
  uint64_t lost_before = 0;
  void append(Text record) noexcept override { records.append(record); }
  bool has(uint64_t name) const noexcept override { return name >= lost_before; }
};

inline void replay(BindingTable& table, Text records) {
  RecordReader reader;
  while (!records.empty()) {
    const bool is_whole = reader.read(records) == RecordReader::Result::whole;
    CHECK(is_whole);
    if (!is_whole) return;
    CHECK(reader.is_end() || table.restore(reader));
    records.remove_prefix(reader.size());
  }
}

inline std::vector<KeptBinding> sorted(std::vector<KeptBinding> all) {
  std::sort(all.begin(), all.end());
  return all;
}

inline size_t expire_all(BindingTable& table, uint64_t now) {
  uint32_t cursor = 0;
  size_t removed = 0;
  // The shortest possible slices.
  for (bool more = true; more;) removed += table.expire(now, 1, cursor, more);
  return removed;
}

// Random, and the same in every run.
struct Dice {
  std::mt19937 engine;
  uint32_t operator()(uint32_t sides) { return static_cast<uint32_t>(engine() % sides); }
};

}  // namespace sluice::binding_table_test
