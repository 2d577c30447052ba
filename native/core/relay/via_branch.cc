#include "core/relay/via_branch.h"

#include <cstring>

#include "core/base/base64url.h"
#include "core/base/network_order.h"

namespace sluice {
namespace {

constexpr size_t kTransactionOctets = 6;
constexpr size_t kLoopOctets = 4;
constexpr size_t kBranchMacOctets = 6;
constexpr size_t kTail = kTransactionOctets + kLoopOctets + kBranchMacOctets;
constexpr size_t kHead = 4;
constexpr size_t kLeastWay = 5;
constexpr size_t kMaxOctets = kHead + 18 + kTail;

enum HeadBits : uint8_t { kKindMask = 3, kToCore = 4, kFromCore = 8, kMarksOutbound = 16, kAsksKeep = 32, kBranchVersion = 64 };

size_t way_size(BackKind kind) noexcept {
  switch (kind) {
    case BackKind::stream: return 9;
    case BackKind::udp_v4: return 6;
    case BackKind::udp_v6: return 18;
    case BackKind::probe: return 5;
  }
  return 0;
}

// `data`: at most kMaxOctets.
uint64_t mac_of(const EdgeConfig& config, const uint8_t* data, size_t size, const NextHop& next) noexcept {
  uint8_t covered[kMaxOctets + 20];
  std::memcpy(covered, data, size);
  uint8_t* const name = covered + size;
  if (next.core) {
    name[0] = 0;
    size += 1;
  } else if (next.kind == FlowKind::udp) {
    std::memcpy(name, next.remote.ip, 16);
    put16(name + 16, next.remote.port);
    put16(name + 18, next.listener);
    size += 20;
  } else {
    name[0] = 1;
    put32(name + 1, next.slot);
    put32(name + 5, next.generation);
    size += 9;
  }
  return siphash(config.branch_keys.via, covered, size);
}

// Decodes a branch in our format; returns the number of octets, or 0.
size_t decode_branch(Text branch, uint8_t* octets) noexcept {
  constexpr size_t kLeast = kMagicCookie.size() + base64url_size(kHead + kLeastWay + kTail), kMost = kMagicCookie.size() + base64url_size(kMaxOctets);
  if (branch.size() < kLeast || branch.size() > kMost || !same_text(branch.substr(0, kMagicCookie.size()), kMagicCookie)) return 0;
  const int size = base64url_decode(branch.substr(kMagicCookie.size()), octets, kMaxOctets);
  if (size < static_cast<int>(kHead) || (octets[0] & 0xC0) != kBranchVersion) return 0;
  const size_t wanted = kHead + way_size(static_cast<BackKind>(octets[0] & kKindMask)) + kTail;
  return static_cast<size_t>(size) == wanted ? wanted : 0;
}

uint64_t transaction_of(const uint8_t* octets, size_t size) noexcept {
  const uint8_t* tail = octets + size - kTail;
  return uint64_t{get32(tail)} << 16 | get16(tail + 4);
}

void read_octets(const uint8_t* octets, size_t size, ReturnPath& back) noexcept {
  back.transaction = transaction_of(octets, size);
  back.kind = static_cast<BackKind>(octets[0] & kKindMask);
  back.to_core_hop = octets[0] & kToCore;
  back.from_core = octets[0] & kFromCore;
  back.marks_outbound = octets[0] & kMarksOutbound;
  back.asks_keep = octets[0] & kAsksKeep;
  back.keeper = octets[1];
  back.shard = octets[2];
  back.listener = octets[3];
  const uint8_t* way = octets + kHead;
  switch (back.kind) {
    case BackKind::stream:
      back.boot = get16(way);
      back.slot = get32(way + 1) & 0xFFFFFF;
      back.generation = get32(way + 5);
      break;
    case BackKind::udp_v4:
      back.remote = Address{};
      back.remote.ip[10] = back.remote.ip[11] = 0xFF;
      std::memcpy(back.remote.ip + 12, way, 4);
      back.remote.port = get16(way + 4);
      break;
    case BackKind::udp_v6:
      std::memcpy(back.remote.ip, way, 16);
      back.remote.port = get16(way + 16);
      break;
    case BackKind::probe:
      back.slot = way[0];
      back.generation = get32(way + 1);
      break;
  }
}

}  // namespace

ReturnPath return_path_of(const EdgeConfig& config, const Source& source) noexcept {
  ReturnPath back;
  back.keeper = config.shard;
  back.shard = source.shard;
  back.listener = static_cast<uint8_t>(source.listener);
  back.from_core = source.from_core;
  if (source.kind == FlowKind::stream) {
    back.kind = BackKind::stream;
    back.boot = config.boot;
    back.slot = source.slot;
    back.generation = source.generation;
  } else {
    back.kind = source.remote.is_v4() ? BackKind::udp_v4 : BackKind::udp_v6;
    back.remote = source.remote;
  }
  return back;
}

size_t make_branch(const EdgeConfig& config, const ReturnPath& back, const NextHop& next, uint64_t transaction, uint32_t loop,
                   char* out) noexcept {
  uint8_t octets[kMaxOctets];
  octets[0] = static_cast<uint8_t>(kBranchVersion | static_cast<uint8_t>(back.kind) | (next.core ? kToCore : 0) |
                                   (back.from_core ? kFromCore : 0) | (back.marks_outbound ? kMarksOutbound : 0) |
                                   (back.asks_keep ? kAsksKeep : 0));
  octets[1] = back.keeper;
  octets[2] = back.shard;
  octets[3] = back.listener;
  uint8_t* way = octets + kHead;
  switch (back.kind) {
    case BackKind::stream:
      put16(way, back.boot);
      way[2] = static_cast<uint8_t>(back.slot >> 16);
      put16(way + 3, static_cast<uint16_t>(back.slot));
      put32(way + 5, back.generation);
      break;
    case BackKind::udp_v4:
      std::memcpy(way, back.remote.ip + 12, 4);
      put16(way + 4, back.remote.port);
      break;
    case BackKind::udp_v6:
      std::memcpy(way, back.remote.ip, 16);
      put16(way + 16, back.remote.port);
      break;
    case BackKind::probe:
      way[0] = static_cast<uint8_t>(back.slot);
      put32(way + 1, back.generation);
      break;
  }
  uint8_t* tail = way + way_size(back.kind);
  put32(tail, static_cast<uint32_t>(transaction >> 32));
  put16(tail + 4, static_cast<uint16_t>(transaction));
  put32(tail + 6, loop);
  const size_t covered = static_cast<size_t>(tail + 10 - octets);
  const uint64_t mac = mac_of(config, octets, covered, next);
  put32(tail + 10, static_cast<uint32_t>(mac >> 32));
  put16(tail + 14, static_cast<uint16_t>(mac));
  std::memcpy(out, kMagicCookie.data(), kMagicCookie.size());
  return kMagicCookie.size() + base64url_encode(octets, covered + kBranchMacOctets, out + kMagicCookie.size());
}

void put_own_via(Writer& out, const Listener& on, Transport transport, Text branch) noexcept {
  out.put(on.via_start[static_cast<size_t>(transport)]);
  out.put(branch);
  out.put("\r\n");
}

bool read_branch(const EdgeConfig& config, Text branch, const NextHop& answered_by, ReturnPath& back) noexcept {
  uint8_t octets[kMaxOctets];
  const size_t size = decode_branch(branch, octets);
  if (size == 0) return false;
  NextHop asked = answered_by;
  asked.core = (octets[0] & kToCore) != 0;
  if (asked.core && !answered_by.core) return false;
  const uint64_t mac = mac_of(config, octets, size - kBranchMacOctets, asked);
  const uint8_t* told = octets + size - kBranchMacOctets;
  if (get32(told) != static_cast<uint32_t>(mac >> 32) || get16(told + 4) != static_cast<uint16_t>(mac)) return false;
  read_octets(octets, size, back);
  return true;
}

bool read_own_branch(Text branch, ReturnPath& back) noexcept {
  uint8_t octets[kMaxOctets];
  const size_t size = decode_branch(branch, octets);
  if (size == 0) return false;
  read_octets(octets, size, back);
  return true;
}

uint32_t loop_hash_in(Text branch) noexcept {
  uint8_t octets[kMaxOctets];
  const size_t size = decode_branch(branch, octets);
  return size == 0 ? 0 : get32(octets + size - kBranchMacOctets - kLoopOctets);
}

uint64_t transaction_in(Text branch) noexcept {
  uint8_t octets[kMaxOctets];
  const size_t size = decode_branch(branch, octets);
  return size == 0 ? 0 : transaction_of(octets, size);
}

// Flattened, as the next one: what the hash holds stays in registers from one part to the next.
[[gnu::flatten]] SipHasher request_hash(const EdgeConfig& config, const Message& message) noexcept {
  SipHasher hash(config.branch_keys.request);
  const Slice parts[] = {message.request_uri, message.call_id, message.from_tag};
  // The lengths come first: two requests that differ only in where a part ends must differ here.
  const uint32_t numbers[] = {uint32_t{parts[0].len} << 16 | parts[1].len, parts[2].len, message.cseq};
  hash.add(numbers, sizeof numbers);
  for (Slice part : parts) hash.add(message.data + part.at, part.len);
  return hash;
}

[[gnu::flatten]] uint64_t transaction_hash(SipHasher hash, Text top_branch, Text sent_by) noexcept {
  const uint32_t length = static_cast<uint32_t>(top_branch.size());
  hash.add(&length, sizeof length);
  hash.add(top_branch.data(), top_branch.size());
  hash.add(sent_by.data(), sent_by.size());
  return hash.finish();
}

}  // namespace sluice
