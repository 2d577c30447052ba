#include "core/shard/shared_lookups.h"

#include <utility>

namespace sluice {

void SharedLookups::begin() noexcept {
  if (!std::exchange(is_taken_, false)) return;
  aors_.clear();
  removals_.clear();
}

void SharedLookups::ask(const Asker& asker, Text aor) {
  begin();
  new_.push_back(asker);
  aors_.append(aor) += '\n';
}

void SharedLookups::remove(Text aor, Text key, uint64_t updated) {
  begin();
  removals_.append(aor).append("\n").append(key).append("\n").append(std::to_string(updated)) += '\n';
}

SharedLookups::Batch SharedLookups::take() noexcept {
  is_taken_ = true;
  const uint32_t number = ++batches_;
  if (!new_.empty()) out_.emplace(number, std::exchange(new_, {}));
  return {number, aors_, removals_};
}

std::vector<SharedLookups::Asker> SharedLookups::end(uint32_t batch) noexcept {
  const auto found = out_.find(batch);
  if (found == out_.end()) return {};
  std::vector<Asker> askers = std::move(found->second);
  out_.erase(found);
  return askers;
}

}  // namespace sluice
