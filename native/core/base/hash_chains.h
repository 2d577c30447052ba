// A hash index over objects that the caller owns and names by index (0: none). The links are part of the objects.
#pragma once

#include <cstddef>
#include <cstdint>
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
  explicit HashChains(Links links) : links_(links), heads_(64, 0) {}

  // The newest object with this hash; 0: none.
  uint32_t find(uint64_t hash) noexcept { return from(heads_[place(hash)], hash); }
  // The next older one with the same hash.
  uint32_t after(uint32_t index) noexcept { return from(links_.link(index).next, links_.link(index).hash); }

  void add(uint32_t index, uint64_t hash) {
    if (++size_ > heads_.size()) grow();
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
  size_t place(uint64_t hash) const noexcept { return hash & (heads_.size() - 1); }
  uint32_t from(uint32_t index, uint64_t hash) noexcept {
    while (index != 0 && links_.link(index).hash != hash) index = links_.link(index).next;
    return index;
  }
  void push(uint32_t index) noexcept {
    uint32_t& head = heads_[place(links_.link(index).hash)];
    links_.link(index).next = head;
    head = index;
  }
  void grow() {
    std::vector<uint32_t> old(heads_.size() * 2, 0);
    old.swap(heads_);
    for (uint32_t index : old) {
      while (index != 0) {
        const uint32_t next = links_.link(index).next;
        push(index);
        index = next;
      }
    }
  }

  Links links_;
  std::vector<uint32_t> heads_;
  size_t size_ = 0;
};

}  // namespace sluice
