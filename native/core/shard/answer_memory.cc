#include "core/shard/answer_memory.h"

namespace sluice {

bool AnswerMemory::take(Kind kind, const Entry& entry, uint16_t share, uint32_t octets) noexcept {
  if (share != 0 && size() > most() / 2 && shares_.held(share) > most() / 8) {
    ground_.counters.add(metrics_.forgotten);
    return false;
  }
  shares_.take(share);
  octets_ += octets;
  ground_.counters.add(metrics_.held);
  ground_.counters.add(metrics_.octets_held, octets);
  (kind == Kind::answered ? answered_ : accepted_).push_back(entry);
  return true;
}

void AnswerMemory::grow(uint32_t octets) noexcept {
  octets_ += octets;
  ground_.counters.add(metrics_.octets_held, octets);
}

void AnswerMemory::give(uint16_t share, uint32_t octets) noexcept {
  shares_.give(share);
  octets_ -= octets;
  ground_.counters.add(metrics_.held, -1);
  ground_.counters.add(metrics_.octets_held, -static_cast<int64_t>(octets));
}

}  // namespace sluice
