#include "core/home/login_guard.h"

#include <algorithm>

namespace sluice {

LoginGuard::LoginGuard(const SipKey& key, uint32_t sets) : key_(key), failures_(sets), proven_(sets) {}

bool LoginGuard::may_try(uint64_t pair, const Address& client, Text user, uint32_t now) noexcept {
  const std::lock_guard<std::mutex> guard(lock_);
  if (const Entry* known = proven_.find(pair); is_proven(known, now)) return failures_of(known, kUserSeconds, now) < kUserBurst;
  const Entry* source = failures_.find(key_of(&client, nullptr));
  const uint32_t most = kSourceBurst + (source == nullptr ? 0 : source->proven * kPerProvenUser);
  return failures_of(source, kSourceSeconds, now) < most && failures_of(failures_.find(key_of(nullptr, &user)), kUserSeconds, now) < kUserBurst;
}

void LoginGuard::failed(const Address& client, Text user, uint32_t now) noexcept {
  const std::lock_guard<std::mutex> guard(lock_);
  // A phone whose password was changed uses up its own allowance.
  if (Entry* pair = proven_.change(key_of(&client, &user)); is_proven(pair, now)) return add_failure(*pair, kUserSeconds, now);
  add_failure(failures_.have(key_of(&client, nullptr), now), kSourceSeconds, now);
  add_failure(failures_.have(key_of(nullptr, &user), now), kUserSeconds, now);
}

void LoginGuard::proved(uint64_t pair, const Address& client, uint32_t now) noexcept {
  const std::lock_guard<std::mutex> guard(lock_);
  const bool is_new = !is_proven(proven_.find(pair), now);
  Entry& entry = proven_.have(pair, now);
  entry.last = now;
  entry.failures = 0;
  if (!is_new) return;
  Entry& source = failures_.have(key_of(&client, nullptr), now);
  if (source.proven < 1'000) ++source.proven;
}

void LoginGuard::freeze(ImageWriter& image, bool all) noexcept {
  const std::lock_guard<std::mutex> guard(lock_);
  for (Memory* memory : {&failures_, &proven_}) {
    const size_t at = image.later();
    uint32_t count = 0;
    for (size_t set = 0; set < memory->sets; ++set) {
      if (!all && !memory->is_new[set]) continue;
      for (size_t i = set * Memory::kWays; i < (set + 1) * Memory::kWays; ++i) {
        const Entry& entry = memory->entries[i];
        if (entry.key == 0) continue;
        image.fields(entry.key, entry.last, entry.failures, entry.proven);
        ++count;
      }
    }
    memory->is_new.assign(memory->sets, false);
    image.set(at, count);
  }
}

void LoginGuard::adopt(ImageReader& image) noexcept {
  for (Memory* memory : {&failures_, &proven_}) {
    for (uint32_t left = image.count(sizeof(Entry)); left > 0; --left) {
      Entry read;
      image.fields(read.key, read.last, read.failures, read.proven);
      if (!image.good()) return;
      memory->have(read.key, read.last) = read;
    }
  }
}

// An IPv6 source counts as its /64.
uint64_t LoginGuard::key_of(const Address* client, const Text* user) const noexcept {
  SipHasher hasher(key_);
  const uint8_t kind = static_cast<uint8_t>((client != nullptr ? 1 : 0) | (user != nullptr ? 2 : 0));
  hasher.add(&kind, 1);
  if (client != nullptr) hasher.add(client->ip, client->is_v4() ? 16 : 8);
  if (user != nullptr) hasher.add(user->data(), user->size());
  return hasher.finish() | 1;  // 0 means an empty place
}

uint32_t LoginGuard::failures_of(const Entry* entry, uint32_t seconds, uint32_t now) noexcept {
  if (entry == nullptr) return 0;
  const uint32_t forgiven = (now - entry->last) / seconds;
  return entry->failures > forgiven ? entry->failures - forgiven : 0;
}

void LoginGuard::add_failure(Entry& entry, uint32_t seconds, uint32_t now) noexcept {
  entry.failures = static_cast<uint16_t>(std::min<uint32_t>(failures_of(&entry, seconds, now) + 1, 10'000));
  entry.last = now;
}

const LoginGuard::Entry* LoginGuard::Memory::find(uint64_t key) const noexcept {
  const Entry* const set = entries.get() + (key >> 1) % sets * kWays;
  for (const Entry* entry = set; entry < set + kWays; ++entry)
    if (entry->key == key) return entry;
  return nullptr;
}

LoginGuard::Entry* LoginGuard::Memory::change(uint64_t key) noexcept {
  Entry* const entry = const_cast<Entry*>(find(key));
  if (entry != nullptr) is_new[(key >> 1) % sets] = true;
  return entry;
}

LoginGuard::Entry& LoginGuard::Memory::have(uint64_t key, uint32_t now) noexcept {
  if (Entry* entry = change(key); entry != nullptr) return *entry;
  is_new[(key >> 1) % sets] = true;
  Entry* const set = entries.get() + (key >> 1) % sets * kWays;
  Entry* const oldest = std::min_element(set, set + kWays, [](const Entry& a, const Entry& b) { return a.last < b.last; });
  *oldest = Entry{key, now, 0, 0};
  return *oldest;
}

}  // namespace sluice
