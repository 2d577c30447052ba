#include "turn_clock.h"

namespace sluice {
namespace {

struct Step {
  uint64_t nanoseconds;
  Counter counter;
};

constexpr Step kSteps[] = {
    {250'000, Counter::turns_250us}, {1'000'000, Counter::turns_1ms},   {2'500'000, Counter::turns_2500us}, {5'000'000, Counter::turns_5ms},
    {10'000'000, Counter::turns_10ms}, {25'000'000, Counter::turns_25ms}, {100'000'000, Counter::turns_100ms},
};

}  // namespace

TurnClock* TurnClock::start(uv_loop_t* loop, int64_t* counters) {
  auto* clock = new TurnClock(counters);
  uv_prepare_init(loop, &clock->handle_);
  clock->handle_.data = clock;
  uv_prepare_start(&clock->handle_, before_wait);
  uv_unref(reinterpret_cast<uv_handle_t*>(&clock->handle_));
  return clock;
}

void TurnClock::close() {
  uv_prepare_stop(&handle_);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* handle) { delete static_cast<TurnClock*>(handle->data); });
}

void TurnClock::before_wait(uv_prepare_t* handle) {
  // Node lets libuv measure how long each loop waits.
  static_cast<TurnClock*>(handle->data)->turn_ended(uv_hrtime(), uv_metrics_idle_time(handle->loop));
}

void TurnClock::turn_ended(uint64_t now, uint64_t waited) {
  const uint64_t since = now - last_;
  const uint64_t idle = waited - waited_;
  const bool is_first = last_ == 0;
  last_ = now;
  waited_ = waited;
  if (is_first) return;
  const uint64_t busy = since > idle ? since - idle : 0;
  counters_.add(Counter::turn_nanoseconds, static_cast<int64_t>(busy));
  for (const Step& step : kSteps)
    if (busy <= step.nanoseconds) return counters_.add(step.counter);
  counters_.add(Counter::turns_longer);
}

}  // namespace sluice
