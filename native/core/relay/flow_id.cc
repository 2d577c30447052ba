#include "core/relay/flow_id.h"

#include "core/base/edit_list.h"
#include "core/relay/facts.h"

namespace sluice {
namespace {

constexpr size_t kMostParts = 5;
constexpr size_t kStreamParts = 5;
constexpr size_t kUdpParts = 4;

void put_address(Writer& out, const Address& address) noexcept {
  char ip[kMaxIpText];
  out.put('/');
  out.put(Text(ip, format_ip(address, ip)));
  out.put('/');
  out.put_number(address.port);
}

// Splits the text after the kind into its parts; 0: too many.
size_t split(Text text, Text* parts) noexcept {
  size_t count = 0;
  while (!text.empty()) {
    if (text[0] != '/' || count == kMostParts) return 0;
    text.remove_prefix(1);
    const size_t end = text.find('/');
    parts[count++] = text.substr(0, end);
    text.remove_prefix(end == Text::npos ? text.size() : end);
  }
  return count;
}

bool read_number(Text text, uint64_t most, uint64_t& out) noexcept {
  if (text.empty() || text.size() > 10) return false;
  out = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');
  }
  return out <= most;
}

bool read_address(Text ip, Text port, Address& out) noexcept {
  uint64_t number = 0;
  if (!parse_ip(ip, out) || !read_number(port, 0xFFFF, number)) return false;
  out.port = static_cast<uint16_t>(number);
  return true;
}

}  // namespace

size_t format_flow_id(const EdgeConfig& config, const Source& source, char* out) noexcept {
  Writer text(out, kMaxFlowId);
  if (source.kind == FlowKind::udp) {
    text.put('u');
    put_address(text, config.listeners[source.listener].bound);
    put_address(text, source.remote);
    return text.size();
  }
  text.put('s');
  for (uint64_t part : {uint64_t{source.listener}, uint64_t{source.shard}, uint64_t{config.boot}, uint64_t{source.slot}, uint64_t{source.generation}}) {
    text.put('/');
    text.put_number(part);
  }
  return text.size();
}

FlowId flow_id_of(const EdgeConfig& config, const Source& source) noexcept {
  FlowId flow;
  flow.listener = source.listener;
  flow.name.kind = source.kind;
  flow.name.shard = source.shard;
  if (source.kind == FlowKind::udp) {
    flow.name.shard = config.shard;
    flow.name.local = config.listeners[source.listener].bound;
    flow.name.remote = source.remote;
  } else {
    flow.name.boot = config.boot;
    flow.name.slot = source.slot;
    flow.name.generation = source.generation;
  }
  return flow;
}

Source source_of(const FlowId& flow) noexcept {
  Source source;
  source.kind = flow.name.kind;
  source.listener = flow.listener;
  source.shard = flow.name.shard;
  source.remote = flow.name.remote;
  source.slot = flow.name.slot;
  source.generation = flow.name.generation;
  return source;
}

bool parse_flow_id(const EdgeConfig& config, Text text, FlowId& out) noexcept {
  if (text.empty()) return false;
  Text parts[kMostParts];
  const size_t count = split(text.substr(1), parts);
  out = FlowId{};
  if (text[0] == 'u' && count == kUdpParts) {
    out.name.kind = FlowKind::udp;
    out.name.shard = config.shard;
    if (!read_address(parts[0], parts[1], out.name.local) || !read_address(parts[2], parts[3], out.name.remote)) return false;
    const int listener = find_listener(config, Transport::udp, out.name.local);
    out.listener = static_cast<uint16_t>(listener);
    return listener >= 0;
  }
  return parse_stream_id(text, out) && out.name.boot == config.boot && out.name.shard < config.shards && out.listener < config.listeners.size();
}

bool parse_stream_id(Text text, FlowId& out) noexcept {
  Text parts[kMostParts];
  uint64_t listener = 0, shard = 0, boot = 0, slot = 0, generation = 0;
  if (!text.starts_with('s') || split(text.substr(1), parts) != kStreamParts || !read_number(parts[0], 0xFFFF, listener) || !read_number(parts[1], 0xFF, shard) ||
      !read_number(parts[2], 0xFFFF, boot) || !read_number(parts[3], 0xFF'FFFF, slot) || !read_number(parts[4], 0xFFFF'FFFF, generation))
    return false;
  out = FlowId{};
  out.listener = static_cast<uint16_t>(listener);
  out.name.shard = static_cast<uint8_t>(shard);
  out.name.boot = static_cast<uint16_t>(boot);
  out.name.slot = static_cast<uint32_t>(slot);
  out.name.generation = static_cast<uint32_t>(generation);
  return true;
}

}  // namespace sluice
