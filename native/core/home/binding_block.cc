#include "core/home/binding_block.h"

#include <cstring>

#include "core/home/binding_key.h"

namespace sluice {
namespace {

constexpr size_t kMaxFlowKeyInstance = kKeyScratch - kFlowKeyHead;

// Reads all parts in one pass; leaves a flow's key empty.
void read_parts(const BindingBlock& block, Text (&parts)[kParts]) noexcept {
  const char* at = block.texts();
  for (size_t i = 0; i < kParts; ++i) {
    if (!is_kept(block.form, static_cast<Part>(i))) continue;
    const size_t size = block.size_of(static_cast<Part>(i));
    parts[i] = Text(at, size);
    at += size;
  }
  constexpr auto kInstance = static_cast<size_t>(Part::instance);
  if ((block.form & kInstanceIsInParams) != 0) parts[kInstance] = parts[static_cast<size_t>(Part::params)].substr(block.instance_at, block.size_of(Part::instance));
}

}  // namespace

Text BindingBlock::part(Part which) const noexcept {
  if (which == Part::instance && (form & kInstanceIsInParams) != 0) return part(Part::params).substr(instance_at, size_of(which));
  size_t at = 0;
  for (size_t i = 0; i < static_cast<size_t>(which); ++i)
    if (is_kept(form, static_cast<Part>(i))) at += size_of(static_cast<Part>(i));
  return Text(texts() + at, is_kept(form, which) ? size_of(which) : 0);
}

bool BindingBlock::is_named(Text key) const noexcept {
  return (form & kKeyIsOfFlow) != 0 ? is_flow_key(key, reg_id, part(Part::instance)) : same_binding(part(Part::key), key);
}

bool BindingBlock::has_key(Text key) const noexcept {
  return (form & kKeyIsOfFlow) != 0 ? is_flow_key(key, reg_id, part(Part::instance)) : part(Part::key) == key;
}

size_t BindingBlock::text_octets() const noexcept {
  size_t sum = 0;
  for (size_t i = 0; i < kParts; ++i)
    if (is_kept(form, static_cast<Part>(i))) sum += size_of(static_cast<Part>(i));
  return sum;
}

BindingForm form_of(const Binding& binding) noexcept {
  BindingForm form;
  const Text instance = binding[Part::instance];
  if (binding.outbound() && instance.size() <= kMaxFlowKeyInstance && is_flow_key(binding[Part::key], binding.reg_id, instance)) form.bits |= kKeyIsOfFlow;
  if (const size_t at = instance.empty() ? Text::npos : binding[Part::params].find(instance); at <= UINT8_MAX) {
    form.bits |= kInstanceIsInParams;
    form.instance_at = static_cast<uint8_t>(at);
  }
  if ((binding.flags & kDirect) == 0 && !binding[Part::flow].empty()) form.bits |= kIsInFlowChain;
  size_t octets = sizeof(BindingBlock) + ((form.bits & kIsInFlowChain) != 0 ? sizeof(FlowLinks) : 0);
  for (size_t i = 0; i < kParts; ++i) {
    const size_t size = binding.parts[i].size();
    if (size > UINT16_MAX) return form;
    if (size > UINT8_MAX) form.bits |= kSizesAreWide;
    if (is_kept(form.bits, static_cast<Part>(i))) octets += size;
  }
  if ((form.bits & kSizesAreWide) != 0) octets += kParts;
  if (octets <= BlockArena::kMaxBlock) form.octets = octets;
  return form;
}

void write_block(const Binding& binding, const BindingForm& form, BindingBlock& block) noexcept {
  block = BindingBlock{};
  block.expires = binding.expires;
  block.updated = binding.updated;
  block.cseq = binding.cseq;
  block.reg_id = binding.reg_id;
  block.q = binding.q;
  block.flags = static_cast<uint8_t>(binding.flags);
  block.payer = binding.payer;
  block.form = form.bits;
  block.instance_at = form.instance_at;
  auto* after = reinterpret_cast<char*>(&block + 1);
  if ((form.bits & kIsInFlowChain) != 0) {
    block.flow_links() = FlowLinks{};
    after += sizeof(FlowLinks);
  }
  const bool is_wide = (form.bits & kSizesAreWide) != 0;
  char* at = after + (is_wide ? kParts : 0);
  for (size_t i = 0; i < kParts; ++i) {
    const auto which = static_cast<Part>(i);
    const Text text = binding.parts[i];
    const size_t size = which == Part::key && (form.bits & kKeyIsOfFlow) != 0 ? 0 : text.size();
    block.low_sizes[i] = static_cast<uint8_t>(size);
    if (is_wide) after[i] = static_cast<char>(size >> 8);
    if (!is_kept(form.bits, which)) continue;
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
}

bool is_refresh(const Binding& binding, const BindingBlock& block) noexcept {
  if (binding.reg_id != block.reg_id || binding.q != block.q || binding.flags != block.flags || binding.payer != block.payer) return false;
  Text parts[kParts];
  read_parts(block, parts);
  for (size_t i = 0; i < kParts; ++i)
    if (i != static_cast<size_t>(Part::key) && parts[i] != binding.parts[i]) return false;
  return block.has_key(binding[Part::key]);
}

Binding read_block(const BindingBlock& block, char (&scratch)[kKeyScratch]) noexcept {
  Binding binding;
  binding.expires = block.expires;
  binding.updated = block.updated;
  binding.cseq = block.cseq;
  binding.reg_id = block.reg_id;
  binding.q = block.q;
  binding.flags = block.flags;
  binding.payer = block.payer;
  read_parts(block, binding.parts);
  if ((block.form & kKeyIsOfFlow) != 0) {
    const Text instance = binding[Part::instance];
    const size_t head = write_flow_key_head(block.reg_id, scratch);
    std::memcpy(scratch + head, instance.data(), instance.size());
    binding[Part::key] = Text(scratch, head + instance.size());
  }
  return binding;
}

}  // namespace sluice
