// What the operator's history keeps of the bindings: who registered, moved to another flow, expired or was removed. A refresh over the same
// flow is not news. Filled under the lock of an address, emptied by the main thread several times a second.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/wall_ms.h"
#include "core/home/aor_allowance.h"
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
constexpr size_t kBindingEvents = 6;

struct BindingNews {
  BindingEvent event = BindingEvent::registered;
  uint64_t at = 0;  // milliseconds since 1970
  uint32_t reg_id = 0;
  Text aor, contact, instance, agent, call_id;
};

// One after the other, in few large pieces of memory.
class BindingNewsList {
 public:
  static constexpr size_t kMostText = 201;  // octets of each text: one more than the operator sees

  size_t size() const noexcept { return size_; }

  void add(BindingEvent event, uint64_t at, Text aor, const BindingBlock& block) {
    const std::array<Text, kTexts> texts{aor, block.part(Part::uri), block.part(Part::instance), block.part(Part::agent), block.part(Part::call_id)};
    Fixed fixed{at, block.reg_id, {}, event};
    for (size_t i = 0; i < kTexts; ++i) fixed.sizes[i] = static_cast<uint8_t>(std::min(texts[i].size(), kMostText));
    if (pieces_.empty() || pieces_.back().size() + kMostOctets > kPiece) pieces_.emplace_back().reserve(kPiece);
    std::string& piece = pieces_.back();
    piece.append(reinterpret_cast<const char*>(&fixed), sizeof fixed);
    for (size_t i = 0; i < kTexts; ++i) piece.append(texts[i].data(), fixed.sizes[i]);
    ++size_;
  }

  // The next one, whose texts live as long as the list; false: there is none.
  bool next(BindingNews& out) noexcept {
    if (read_piece_ < pieces_.size() && read_at_ == pieces_[read_piece_].size()) {
      ++read_piece_;
      read_at_ = 0;
    }
    if (read_piece_ == pieces_.size()) return false;
    const std::string& piece = pieces_[read_piece_];
    Fixed fixed;
    std::memcpy(&fixed, piece.data() + read_at_, sizeof fixed);
    read_at_ += sizeof fixed;
    out.event = fixed.event;
    out.at = fixed.at;
    out.reg_id = fixed.reg_id;
    Text* const texts[] = {&out.aor, &out.contact, &out.instance, &out.agent, &out.call_id};
    for (size_t i = 0; i < kTexts; ++i) {
      *texts[i] = Text(piece.data() + read_at_, fixed.sizes[i]);
      read_at_ += fixed.sizes[i];
    }
    --size_;
    return true;
  }

 private:
  static constexpr size_t kTexts = 5;
  static constexpr size_t kPiece = 64 * 1'024;

  struct Fixed {
    uint64_t at;
    uint32_t reg_id;
    uint8_t sizes[kTexts];
    BindingEvent event;
  };
  static constexpr size_t kMostOctets = sizeof(Fixed) + kTexts * kMostText;

  std::vector<std::string> pieces_;
  size_t read_piece_ = 0;
  size_t read_at_ = 0;
  size_t size_ = 0;
};

class BindingNewsQueue {
 public:
  static constexpr size_t kMost = 16'384;

  struct Taken {
    BindingNewsList list;
    std::array<uint64_t, kBindingEvents> counts{};  // of each kind, whether it is in the list or nobody wanted one
    uint64_t lost = 0;                              // there was no room for them
    uint64_t suppressed = 0;                        // there were too many of their address
  };

  // While nobody wants to read them, events are only counted. At first nobody does: what a journal restores is no news.
  void want(bool lists) noexcept {
    counting_.store(true, std::memory_order_relaxed);
    listing_.store(lists, std::memory_order_relaxed);
  }

  void add(BindingEvent event, uint64_t aor_hash, Text aor, const BindingBlock& block) {
    if (!counting_.load(std::memory_order_relaxed)) return;
    if (!listing_.load(std::memory_order_relaxed)) {
      counts_[static_cast<size_t>(event)].fetch_add(1, std::memory_order_relaxed);
      return;
    }
    const uint64_t now = wall_ms();
    const std::lock_guard<std::mutex> guard(lock_);
    if (!allowance_.takes(aor_hash, static_cast<uint32_t>(now / 1'000))) {
      ++suppressed_;
    } else if (list_.size() >= kMost) {
      ++lost_;
    } else {
      counts_[static_cast<size_t>(event)].fetch_add(1, std::memory_order_relaxed);
      list_.add(event, now, aor, block);
    }
  }

  Taken take() {
    Taken taken;
    const std::lock_guard<std::mutex> guard(lock_);
    for (size_t i = 0; i < kBindingEvents; ++i) taken.counts[i] = counts_[i].exchange(0, std::memory_order_relaxed);
    taken.lost = std::exchange(lost_, 0);
    taken.suppressed = std::exchange(suppressed_, 0);
    taken.list = std::exchange(list_, {});
    return taken;
  }

 private:
  std::atomic<bool> counting_{false}, listing_{false};
  std::array<std::atomic<uint64_t>, kBindingEvents> counts_{};
  std::mutex lock_;
  AorAllowance allowance_;
  BindingNewsList list_;
  uint64_t lost_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace sluice
