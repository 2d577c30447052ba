#include "core/home/kept_answers.h"

namespace sluice {

KeptAnswers::Answer KeptAnswers::answer_of(const Entry& entry) noexcept {
  const Text texts = entry.texts.text();
  return {texts.substr(0, entry.key_size), texts.substr(entry.key_size, entry.flow_size), texts.substr(entry.key_size + entry.flow_size), entry.until};
}

uint32_t KeptAnswers::index_of(Text key) noexcept {
  uint32_t index = by_key_.find(hash_of(key));
  while (index != 0 && answer_of(slab_.at(index)).key != key) index = by_key_.after(index);
  return index;
}

void KeptAnswers::add(const Answer& answer) {
  if (const uint32_t old = index_of(answer.key); old != 0) forget(old);
  while (size() > 0 && (order_.size() >= most_ || octets_ + answer.octets.size() > most_octets_)) forget_oldest();
  const uint32_t index = slab_.take();
  Entry& entry = slab_.at(index);
  if (!entry.texts.keep(answer.key, answer.flow, answer.octets)) return slab_.give(index);
  entry.serial = ++serials_;
  entry.until = answer.until;
  entry.key_size = static_cast<uint32_t>(answer.key.size());
  entry.flow_size = static_cast<uint32_t>(answer.flow.size());
  octets_ += answer.octets.size();
  by_key_.add(index, hash_of(answer.key));
  order_.push_back({index, entry.serial});
}

bool KeptAnswers::find(Text key, Answer& out) noexcept {
  const uint32_t index = index_of(key);
  if (index == 0) return false;
  out = answer_of(slab_.at(index));
  return true;
}

void KeptAnswers::sweep(double now) noexcept {
  while (!order_.empty() && (!is_held(order_.front()) || slab_.at(order_.front().index).until <= now)) forget_oldest();
}

void KeptAnswers::forget_oldest() noexcept {
  const Place oldest = order_.front();
  order_.pop_front();
  if (is_held(oldest)) forget(oldest.index);
}

void KeptAnswers::forget(uint32_t index) noexcept {
  Entry& entry = slab_.at(index);
  octets_ -= answer_of(entry).octets.size();
  by_key_.remove(index);
  entry = Entry();
  slab_.give(index);
}

}  // namespace sluice
