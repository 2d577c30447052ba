// A binding as the table keeps it: fixed fields, then its texts. What can be made from the rest is not kept: the key of a flow, and the
// instance where it stands in the Contact's parameters.
#pragma once

#include "core/base/timing_wheel.h"
#include "core/home/binding.h"
#include "core/home/block_arena.h"

namespace sluice {

// Bits of BindingBlock::form, and of a put on disk.
constexpr uint8_t kKeyIsOfFlow = 1;
constexpr uint8_t kInstanceIsInParams = 2;

// Whether a part of that form is kept as it is.
constexpr bool is_kept(uint8_t form, Part which) noexcept {
  return !(which == Part::key && (form & kKeyIsOfFlow) != 0) && !(which == Part::instance && (form & kInstanceIsInParams) != 0);
}

struct BindingBlock {
  uint64_t lsn;  // of the record that put it here: its name in records that follow
  uint64_t expires;
  uint64_t updated;
  uint32_t age;  // its last change is lsn + age
  uint32_t cseq;
  WheelNode timer;
  uint32_t reg_id;
  BlockRef head;  // of its address of record
  BlockRef next;  // binding of that
  BlockRef flow_next;
  BlockRef flow_prev;
  uint16_t q;
  uint16_t flags;
  uint8_t form;
  uint8_t unused;
  uint16_t instance_at;  // in the parameters
  uint16_t sizes[kParts];

  uint64_t changed() const noexcept { return lsn + age; }
  Text part(Part which) const noexcept;  // all but the key of a flow
  Text lifeline() const noexcept { return (flags & kDirect) != 0 ? Text() : part(Part::flow); }  // the flow whose end is its end
  bool is_named(Text key) const noexcept;  // by that key or an equivalent one
  bool has_key(Text key) const noexcept;
  size_t octets() const noexcept;
};

struct BindingForm {
  uint8_t bits = 0;
  uint16_t instance_at = 0;
  size_t octets = 0;  // of the block
};

// How it would be kept; `octets` is 0 when it is too large for that.
BindingForm form_of(const Binding& binding) noexcept;

// Fills a fresh block; links, timer, head and the numbers of records are left to the caller.
void write_block(const Binding& binding, const BindingForm& form, BindingBlock& block) noexcept;

// Whether it says what the block says but for expiry, update and CSeq.
bool is_refresh(const Binding& binding, const BindingBlock& block) noexcept;

// `scratch` holds the key, and lives as long as what comes back.
constexpr size_t kKeyScratch = 1'024;
Binding read_block(const BindingBlock& block, char (&scratch)[kKeyScratch]) noexcept;

// An address of record, then its text.
struct AorHead {
  uint64_t hash;
  BlockRef first;
  uint16_t count;
  uint16_t size;

  Text text() const noexcept { return Text(reinterpret_cast<const char*>(this + 1), size); }
};

}  // namespace sluice
