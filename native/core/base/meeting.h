// A place where a number of threads wait for each other, for a limited time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace sluice {

class Meeting {
 public:
  // Returns when `count` threads are here. False: some did not come in time, and this one no longer waits.
  bool wait(size_t count, int milliseconds) {
    std::unique_lock<std::mutex> guard(lock_);
    const uint64_t round = round_;
    if (++here_ >= count) {
      here_ = 0;
      ++round_;
      complete_.notify_all();
      return true;
    }
    if (complete_.wait_for(guard, std::chrono::milliseconds(milliseconds), [&] { return round_ != round; })) return true;
    --here_;
    return false;
  }

 private:
  std::mutex lock_;
  std::condition_variable complete_;
  size_t here_ = 0;
  uint64_t round_ = 0;
};

}  // namespace sluice
