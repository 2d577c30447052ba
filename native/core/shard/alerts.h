// Events that the rest of the process should know about: rare, and dropped rather than waited for.
#pragma once

#include <cstring>
#include <vector>

#include "core/base/layout.h"
#include "core/sip/address.h"

namespace sluice {

struct Alert {
  Event event;
  Address peer;
  int32_t number;         // upstream: target; malformed: ScanError; accept_failed: errno
  uint16_t sample_size;
  char sample[200];       // first octets received, raw
};

class Alerts {
 public:
  static constexpr size_t kMost = 64;
  static constexpr size_t kMostOfStrangers = 48;  // the rest is reserved for our own failures

  [[gnu::cold, gnu::noinline]] void add(Event event, const Address& peer, int32_t number = 0, Text sample = Text()) noexcept {
    const bool is_ours = event == Event::upstream_up || event == Event::upstream_down || event == Event::upstream_busy || event == Event::upstream_calm || event == Event::accept_failed;
    if (list_.size() >= (is_ours ? kMost : kMostOfStrangers)) return;
    Alert alert{};
    alert.event = event;
    alert.peer = peer;
    alert.number = number;
    alert.sample_size = static_cast<uint16_t>(sample.size() < sizeof alert.sample ? sample.size() : sizeof alert.sample);
    if (alert.sample_size > 0) std::memcpy(alert.sample, sample.data(), alert.sample_size);
    list_.push_back(alert);
  }
  std::vector<Alert>& list() noexcept { return list_; }

 private:
  std::vector<Alert> list_;
};

}  // namespace sluice
