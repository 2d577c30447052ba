// A binding as the table stores it: fixed fields, then its texts. It omits what can be derived from the rest: a flow's key, and the
// instance if it is in the Contact's parameters.
#pragma once

#include "core/base/timing_wheel.h"
#include "core/home/binding.h"
#include "core/home/block_arena.h"

namespace sluice {

// Bits of BindingBlock::form, and of a put on disk.
constexpr uint8_t kKeyIsOfFlow = 1;
constexpr uint8_t kInstanceIsInParams = 2;
// Only in memory: a text has 256 octets or more, so the high octets of all sizes stand in front of the texts.
constexpr uint8_t kSizesAreWide = 4;
// Only in memory: it ends with its flow, so FlowLinks follow the fixed fields. Those behind an edge do not, and need none.
constexpr uint8_t kIsInFlowChain = 8;

// Whether this form stores the part itself.
constexpr bool is_kept(uint8_t form, Part which) noexcept {
  return !(which == Part::key && (form & kKeyIsOfFlow) != 0) && !(which == Part::instance && (form & kInstanceIsInParams) != 0);
}

// Places in the chain of its flow (flow_chains.h).
struct FlowLinks {
  BlockRef next;
  BlockRef prev;
};

struct BindingBlock {
  uint64_t lsn;  // of the record that put it here; later records refer to it by this
  uint64_t expires;
  uint64_t updated;
  uint32_t age;  // its last change is lsn + age
  uint32_t cseq;
  WheelNode timer;
  uint32_t reg_id;
  BlockRef head;  // its address of record
  BlockRef next;  // the next binding of the same address
  uint16_t q;
  uint16_t payer;
  uint8_t flags;
  uint8_t form;
  uint8_t instance_at;  // position in the parameters
  uint8_t low_sizes[kParts];

  size_t size_of(Part which) const noexcept { return low_sizes[static_cast<size_t>(which)] | ((form & kSizesAreWide) != 0 ? size_t{high_sizes()[static_cast<size_t>(which)]} << 8 : 0); }
  const char* texts() const noexcept { return reinterpret_cast<const char*>(high_sizes()) + ((form & kSizesAreWide) != 0 ? kParts : 0); }
  FlowLinks& flow_links() noexcept { return *reinterpret_cast<FlowLinks*>(this + 1); }  // only with kIsInFlowChain
  size_t text_octets() const noexcept;
  uint64_t changed() const noexcept { return lsn + age; }
  Text part(Part which) const noexcept;  // any part except a flow's key
  Text lifeline() const noexcept { return (form & kIsInFlowChain) != 0 ? part(Part::flow) : Text(); }  // the flow with which it ends
  bool is_named(Text key) const noexcept;  // by this key or an equivalent one
  bool has_key(Text key) const noexcept;
  size_t octets() const noexcept { return static_cast<size_t>(texts() - reinterpret_cast<const char*>(this)) + text_octets(); }

 private:
  const uint8_t* high_sizes() const noexcept { return reinterpret_cast<const uint8_t*>(this + 1) + ((form & kIsInFlowChain) != 0 ? sizeof(FlowLinks) : 0); }
};
static_assert(sizeof(BindingBlock) == 72, "a million of them are in memory");

struct BindingForm {
  uint8_t bits = 0;
  uint8_t instance_at = 0;
  size_t octets = 0;  // of the block
};

// How it would be stored; `octets` is 0 if it is too large.
BindingForm form_of(const Binding& binding) noexcept;

// Fills in a fresh block; the caller sets links, timer, head and record numbers.
void write_block(const Binding& binding, const BindingForm& form, BindingBlock& block) noexcept;

// Whether it differs from the block only in expiry, update time and CSeq.
bool is_refresh(const Binding& binding, const BindingBlock& block) noexcept;

// `scratch` holds the key and must live as long as the result.
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
