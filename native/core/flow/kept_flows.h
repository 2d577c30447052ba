// What a shard tells the keeper: which connections it has, so that they outlive a crash of this process (docs/decisions/keeper.md). Said at the
// end of a turn, when one was accepted or has ended; a message costs nothing. Without a keeper the process before reads the memory, as long as it
// can still go on in the place of this one.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/base/counters.h"
#include "core/base/image.h"
#include "core/flow/flow_table.h"
#include "core/transport/keeper_word.h"

namespace sluice {

// By which a version knows its own flows.
uint64_t kept_layout() noexcept;

// What the kernel has given us of an open connection, and what it has taken from us, modulo 2^32. False: it does not say.
bool count_octets(int fd, bool was_dialled, uint32_t& read, uint32_t& sent) noexcept;
// Whether these are the counts, of which most are told by one question.
bool has_counted(int fd, bool was_dialled, uint32_t read, uint32_t sent) noexcept;

class KeptFlows {
 public:
  KeptFlows(FlowTable& flows, Counters& counters) noexcept : flows_(flows), counters_(counters) {}
  KeptFlows(const KeptFlows&) = delete;
  KeptFlows& operator=(const KeptFlows&) = delete;

  // Before the first flow. `channel`: to the keeper, -1: there is none. `most`: octets that the memory may take. 0 or an errno; then nobody reads of
  // this shard.
  int begin(int channel, uint16_t boot, uint8_t shard, uint8_t shards, size_t most = SIZE_MAX) noexcept;
  bool is_on() const noexcept { return is_on_; }
  KeptMemory& memory() noexcept { return *memory_; }  // since begin()
  bool is_memory(int file) const noexcept { return memory_ != nullptr && memory_->is(file); }
  // Where the flows are from now on. `goes_on`: those that the keeper has are ours; else it forgets them.
  void tell_memory(bool goes_on) noexcept;
  // Without a keeper, over another channel. 0 or an errno.
  int show_memory(int channel, bool goes_on) const noexcept;
  // Nobody reads it any longer, unless a keeper does.
  void hide_memory() noexcept {
    if (channel_ < 0) let_go();
  }
  // The shard ends, or its flows go on in another process, which tells the keeper itself: `ends` or not.
  void stop(bool ends) noexcept;

  // A connection is one that another process could go on with.
  void keep(uint32_t slot) noexcept {
    if (is_on()) add(slot);
  }
  // The keeper has had this one before.
  void has(uint32_t slot) noexcept {
    if (is_on()) adopt(slot);
  }
  // The same of one that we dialled, which no keeper has.
  void has_dialled(uint32_t slot) noexcept {
    if (is_on() && write_layer(slot)) tell(slot);
  }
  // That one, which came last, has been counted already.
  void is_counted(uint32_t slot) noexcept {
    if (!is_on() || adopted_.empty() || adopted_.back().slot != slot) return;
    adopted_.pop_back();
    write_layer(slot);
  }
  // Its layer has changed.
  void note_layer(uint32_t slot) noexcept {
    if (is_on() && is_told(slot)) write_layer(slot);
  }
  // A part of a record or of a message of its layer has come, or the rest of it.
  void note_part(uint32_t slot) noexcept {
    if (is_on() && is_told(slot)) write_part(slot);
  }
  void drop(uint32_t slot) noexcept {
    if (!is_on() || !is_told(slot)) return;
    const KeptPlace place{slot, std::exchange(told_[slot], 0)};
    if (channel_ >= 0) ended_.push_back(place);
  }
  // The keeper has one that is none.
  void refuse(FlowHandle handle) noexcept {
    if (channel_ >= 0) ended_.push_back({handle.slot, handle.generation});
  }
  // Who registered over it, as `write(ImageWriter&)` says, right where the next process reads it; one that is too long for that is left out.
  template <typename Write>
  void note(uint32_t slot, Write&& write) noexcept {
    const Flow* const flow = is_on() && flows_.is_kept(slot) ? flows_.open_at(slot) : nullptr;
    KeptNotes* const notes = flow == nullptr ? nullptr : memory_->make_notes(slot);
    if (notes == nullptr) return;
    notes->generation = 0;
    ImageWriter image(ImageOf::flow, kImageVersion, notes->octets);
    write(image);
    const Text octets = image.seal();
    if (octets.data() != notes->octets) return;
    notes->size = static_cast<uint32_t>(octets.size());
    notes->generation = flow->generation;
  }
  // Another process has it.
  void forget(uint32_t slot) noexcept {
    if (is_on() && slot < told_.size()) told_[slot] = 0;
  }

  // All that it has had before are counted, so that the next crash finds them as this one did.
  void settle() noexcept {
    while (!adopted_.empty()) count_adopted();
  }
  // At the end of a turn.
  void flush() noexcept {
    if (!begun_.empty() || !ended_.empty() || !adopted_.empty()) send_news();
  }

  // The octets of a connection are dealt with: should the process end now, nobody knows how far it got.
  void reads(uint32_t slot) noexcept { flows_.head().reading = slot; }
  // Before they are taken: so many messages may be lost with this turn. What was too much is taken back by a negative number.
  void takes(int messages) noexcept { flows_.head().batch += static_cast<uint32_t>(messages); }
  // All that came of them has been given to the kernel, or is told to be pending.
  void turn_ends() noexcept { flows_.head().batch = 0; }
  // What waits in this process alone when a turn is over.
  void waits(uint32_t requests) noexcept { flows_.head().waiting = requests; }
  // Between shards, since the process began.
  void has_handed(uint32_t records) noexcept { flows_.head().handed = records; }
  void has_taken(uint32_t records) noexcept { flows_.head().taken = records; }

 private:
  // Adopted connections looked at in a turn: each costs four system calls.
  static constexpr size_t kLooks = 64;

  bool is_told(uint32_t slot) const noexcept { return slot < told_.size() && told_[slot] == flows_.at(slot).generation; }
  void tell(uint32_t slot) noexcept;
  void add(uint32_t slot) noexcept;
  void adopt(uint32_t slot) noexcept;
  // False: there is no memory for it.
  bool write_layer(uint32_t slot) noexcept;
  void write_part(uint32_t slot) noexcept;
  void count_adopted() noexcept;
  bool send_begun() noexcept;
  bool send_ended() noexcept;
  bool send(KeeperWord word, const std::vector<KeptPlace>& places, size_t count, const int* descriptors) noexcept;
  void send_news() noexcept;
  void let_go() noexcept;

  FlowTable& flows_;
  Counters& counters_;
  bool is_on_ = false;
  int channel_ = -1;  // not ours
  uint8_t shard_ = 0;
  std::unique_ptr<KeptMemory> memory_;
  std::vector<uint32_t> told_;       // generation by slot
  std::vector<FlowHandle> begun_;    // not told yet
  std::vector<FlowHandle> adopted_;  // not counted yet
  std::vector<KeptPlace> ended_;
};

}  // namespace sluice
