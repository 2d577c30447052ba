// A hash index over objects that the caller owns and names by index (0: none). The links are part of the objects. It grows by one chain
// with each object (linear hashing), so that no message waits while all of a hundred thousand move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice {

struct HashLink {
  uint64_t hash = 0;
  uint32_t next = 0;
};

// `Links` provides `HashLink& link(uint32_t index)`. Hashes are keyed, so that strangers cannot make a chain long.
template <typename Links>
class HashChains {
 public:
  explicit HashChains(Links links) : links_(links), heads_(kLeast, 0) {}

  // The newest object with this hash; 0: none.
  uint32_t find(uint64_t hash) noexcept { return from(heads_[place(hash)], hash); }
  // The next older one with the same hash.
  uint32_t after(uint32_t index) noexcept { return from(links_.link(index).next, links_.link(index).hash); }

  void add(uint32_t index, uint64_t hash) {
    if (++size_ > heads_.size()) split();
    links_.link(index).hash = hash;
    push(index);
  }
  void remove(uint32_t index) noexcept {
    uint32_t* at = &heads_[place(links_.link(index).hash)];
    while (*at != index) at = &links_.link(*at).next;
    *at = links_.link(index).next;
    --size_;
  }

  size_t size() const noexcept { return size_; }
  template <typename See>
  void each(See&& see) {
    for (const uint32_t head : heads_)
      for (uint32_t index = head; index != 0; index = links_.link(index).next) see(index);
  }

 private:
  static constexpr size_t kLeast = 64;  // a power of two

  // Of the chains that the next power of two would have, the first ones exist; the others are still part of those they will come from.
  size_t place(uint64_t hash) const noexcept {
    const size_t at = hash & (2 * half_ - 1);
    return at < heads_.size() ? at : at - half_;
  }
  uint32_t from(uint32_t index, uint64_t hash) noexcept {
    while (index != 0 && links_.link(index).hash != hash) index = links_.link(index).next;
    return index;
  }
  void push(uint32_t index) noexcept {
    uint32_t& head = heads_[place(links_.link(index).hash)];
    links_.link(index).next = head;
    head = index;
  }
  // One more chain, of what is its own in the one that it comes from; the newest stays in front.
  void split() {
    const size_t from = heads_.size() - half_;
    heads_.push_back(0);
    uint32_t* ends[] = {&heads_[from], &heads_.back()};
    for (uint32_t index = std::exchange(*ends[0], 0); index != 0;) {
      HashLink& link = links_.link(index);
      uint32_t*& end = ends[(link.hash & half_) != 0];
      *end = index;
      end = &link.next;
      index = std::exchange(link.next, 0);
    }
    if (heads_.size() == 2 * half_) half_ *= 2;
  }

  Links links_;
  std::vector<uint32_t> heads_;
  size_t half_ = kLeast;  // the power of two that is not above the number of chains
  size_t size_ = 0;
};

}  // namespace sluice
