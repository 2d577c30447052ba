// How long the core takes until it first answers a request, for a sample of them: at most kPlaces in a tick, so that a busy edge does not read
// the clock for each.
#pragma once

#include <array>

#include "core/base/counters.h"
#include "core/base/now_ns.h"

namespace sluice {

class AnswerTimes {
 public:
  static constexpr uint32_t kPlaces = 16;
  static constexpr uint32_t kGiveUpMs = 32'000;  // timer F of RFC 3261 17.1.2.2

  AnswerTimes(Counters& counters, uint32_t give_up_ticks) noexcept : counters_(counters), give_up_ticks_(give_up_ticks) {}

  // `key`: of its transaction; `tick`: now.
  void asked(uint64_t key, uint32_t tick) noexcept {
    Sample& sample = samples_[key % kPlaces];
    if (static_cast<int32_t>(tick - sample.free_at) < 0) return;
    if (sample.key != 0) count(now_ns() - sample.sent);
    sample = {key, now_ns(), tick + give_up_ticks_};
  }
  void answered(uint64_t key, uint32_t tick) noexcept {
    Sample& sample = samples_[key % kPlaces];
    if (sample.key != key) return;
    count(now_ns() - sample.sent);
    sample.key = 0;
    sample.free_at = tick + 1;
  }

 private:
  struct Sample {
    uint64_t key = 0;  // 0: none waits
    uint64_t sent = 0;
    uint32_t free_at = 0;  // tick
  };
  struct Step {
    uint64_t nanoseconds;
    Counter counter;
  };
  static constexpr Step kSteps[] = {
      {2'500'000, Counter::answers_2500us}, {5'000'000, Counter::answers_5ms},     {10'000'000, Counter::answers_10ms},  {25'000'000, Counter::answers_25ms},
      {50'000'000, Counter::answers_50ms},  {100'000'000, Counter::answers_100ms}, {250'000'000, Counter::answers_250ms}, {500'000'000, Counter::answers_500ms},
      {1'000'000'000, Counter::answers_1s}, {2'500'000'000, Counter::answers_2500ms},
  };

  void count(uint64_t took) noexcept {
    counters_.add(Counter::answer_nanoseconds, static_cast<int64_t>(took));
    for (const Step& step : kSteps)
      if (took <= step.nanoseconds) return counters_.add(step.counter);
    counters_.add(Counter::answers_longer);
  }

  Counters& counters_;
  const uint32_t give_up_ticks_;
  std::array<Sample, kPlaces> samples_{};
};

}  // namespace sluice
