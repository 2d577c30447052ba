// Latencies in log-linear buckets, 64 per power of two, so a percentile is accurate to 1.6 %.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::bench {

class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void add(int64_t ns) noexcept {
    ++counts_[index_of(ns < 0 ? 0 : static_cast<uint64_t>(ns))];
    ++total_;
  }

  uint64_t total() const noexcept { return total_; }

  // The highest value of the bucket in which the given share of all values is reached.
  int64_t percentile(double share) const noexcept {
    if (total_ == 0) return 0;
    uint64_t wanted = static_cast<uint64_t>(share * static_cast<double>(total_));
    if (wanted >= total_) wanted = total_ - 1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen > wanted) return highest_of(i);
    }
    return highest_of(kBuckets - 1);
  }

 private:
  static constexpr uint32_t kBits = 6;
  static constexpr uint32_t kBuckets = (40 - kBits) << kBits;

  static uint32_t index_of(uint64_t v) noexcept {
    if (v < (1u << kBits)) return static_cast<uint32_t>(v);
    uint32_t shift = 63 - static_cast<uint32_t>(__builtin_clzll(v)) - kBits;
    uint32_t index = ((shift + 1) << kBits) + static_cast<uint32_t>((v >> shift) - (1u << kBits));
    return index < kBuckets ? index : kBuckets - 1;
  }

  static int64_t highest_of(uint32_t index) noexcept {
    if (index < (1u << kBits)) return index;
    uint32_t shift = (index >> kBits) - 1;
    uint64_t base = (1u << kBits) + (index & ((1u << kBits) - 1));
    return static_cast<int64_t>(((base + 1) << shift) - 1);
  }

  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
};

}  // namespace sluice::bench
