#include "core/home/past_flows.h"

#include "core/relay/flow_id.h"

namespace sluice {
namespace {

// The same text as ownerOf() in src/proxy/target.ts, where each octet is a character.
std::string owner_of(Text aor, const Binding& binding) {
  std::string owner;
  const auto add = [&](Text text) {
    for (const char c : text) {
      const auto octet = static_cast<unsigned char>(c);
      if (octet >= 0x80) owner.push_back(static_cast<char>(0xC0 | octet >> 6));
      owner.push_back(octet < 0x80 ? c : static_cast<char>(0x80 | (octet & 0x3F)));
    }
  };
  add(aor);
  owner.push_back('\n');
  if (binding.outbound()) add(binding[Part::instance]);
  owner.push_back('\n');
  add(binding[Part::key]);
  return owner;
}

}  // namespace

size_t learn_past_flows(BindingTable& table, FlowOwners& owners) {
  BindingTable::Walk walk;
  std::string records;
  RecordReader record;
  RecordItem item;
  FlowId flow;
  for (bool more = true; more && owners.size().forgotten == 0; records.clear()) {
    more = table.copy_some(walk, records);
    for (Text left = records; record.read(left) == RecordReader::Result::whole; left.remove_prefix(record.size())) {
      while (record.next(item)) {
        const Binding& binding = item.binding;
        if (!parse_stream_id(binding[Part::flow], flow)) continue;
        owners.put(flow.name, owner_of(record.aor(), binding));
        if (!binding.outbound() && (binding.flags & kDirect) == 0) table.remove(record.aor(), binding[Part::key], binding.updated);
      }
    }
  }
  return owners.size().known;
}

}  // namespace sluice
