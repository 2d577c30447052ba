// What the operator's history keeps of the bindings: who registered, moved to another flow, expired or was removed. A refresh over the same
// flow is not news. Filled under the lock of an address, emptied by the main thread several times a second.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/wall_ms.h"
#include "core/home/binding_block.h"

namespace sluice {

enum class BindingEvent : uint8_t {
  registered,
  moved,      // the same binding, by another flow, Path or Contact
  expired,
  removed,    // by the client
  flow_gone,  // with its flow
  withdrawn,  // by the operator
};

struct BindingNews {
  BindingEvent event = BindingEvent::registered;
  uint64_t at = 0;  // milliseconds since 1970
  uint32_t reg_id = 0;
  std::string aor, contact, instance, agent, call_id;
};

class BindingNewsQueue {
 public:
  static constexpr size_t kMost = 16'384;
  static constexpr size_t kMostText = 256;  // octets of each text

  // Until then nobody empties it, and it takes nothing.
  void begin() noexcept { on_.store(true, std::memory_order_relaxed); }

  void add(BindingEvent event, Text aor, const BindingBlock& block) {
    if (!on_.load(std::memory_order_relaxed)) return;
    const std::lock_guard<std::mutex> guard(lock_);
    if (list_.size() >= kMost) {
      ++lost_;
      return;
    }
    const auto cut = [](Text text) { return std::string(text.substr(0, kMostText)); };
    list_.push_back({event, wall_ms(), block.reg_id, cut(aor), cut(block.part(Part::uri)), cut(block.part(Part::instance)), cut(block.part(Part::agent)), cut(block.part(Part::call_id))});
  }

  // `lost`: how many there was no room for since the last call.
  std::vector<BindingNews> take(uint64_t& lost) {
    const std::lock_guard<std::mutex> guard(lock_);
    lost = std::exchange(lost_, 0);
    return std::exchange(list_, {});
  }

 private:
  std::atomic<bool> on_{false};
  std::mutex lock_;
  std::vector<BindingNews> list_;
  uint64_t lost_ = 0;
};

}  // namespace sluice
