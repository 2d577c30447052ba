#include "key_arena.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <mutex>
#include <vector>

#include "aead.h"

namespace sluice {
namespace {

constexpr size_t kSlab = 64 * 1024;

class KeyArena {
 public:
  RecordState* take() noexcept {
    {
      const std::lock_guard<std::mutex> guard(lock_);
      if (RecordState* state = unlink()) return state;
    }
    // System calls outside the lock; two shards that both get here both bring a slab.
    void* slab = mmap(nullptr, kSlab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab == MAP_FAILED) return nullptr;
    if (madvise(slab, kSlab, MADV_DONTDUMP) != 0) return munmap(slab, kSlab), nullptr;
    mlock(slab, kSlab);
    const std::lock_guard<std::mutex> guard(lock_);
    slabs_.push_back(static_cast<Slot*>(slab));
    for (size_t i = 0; i < kSlab / sizeof(Slot); ++i) link(static_cast<Slot*>(slab) + i);
    return unlink();
  }

  void give(RecordState* state) noexcept {
    OPENSSL_cleanse(state, sizeof *state);
    const std::lock_guard<std::mutex> guard(lock_);
    link(reinterpret_cast<Slot*>(state));
  }

  bool holds(const void* memory) noexcept {
    const std::lock_guard<std::mutex> guard(lock_);
    for (const Slot* slab : slabs_)
      if (memory >= slab && memory < slab + kSlab / sizeof(Slot)) return true;
    return false;
  }

 private:
  union Slot {
    Slot* next;
    RecordState state;
  };

  void link(Slot* slot) noexcept {
    slot->next = free_;
    free_ = slot;
  }

  RecordState* unlink() noexcept {
    Slot* slot = free_;
    if (slot == nullptr) return nullptr;
    free_ = slot->next;
    slot->next = nullptr;
    return &slot->state;
  }

  std::mutex lock_;
  Slot* free_ = nullptr;
  std::vector<Slot*> slabs_;
};

// Never destroyed: a shard may still close its connections while the process ends.
KeyArena& key_arena() noexcept {
  static KeyArena* const only = new KeyArena;
  return *only;
}

}  // namespace

void ForgetKeys::operator()(RecordState* state) const noexcept {
  forget_key(state->in.key);
  forget_key(state->out.key);
  if (is_lent) OPENSSL_cleanse(state, sizeof *state);
  else key_arena().give(state);
}

RecordStatePtr new_record_state() noexcept { return RecordStatePtr(key_arena().take()); }

bool is_key_memory(const void* memory) noexcept { return key_arena().holds(memory); }

}  // namespace sluice
