#include "core/relay/object_branch.h"

#include "core/base/base64url.h"
#include "core/base/network_order.h"

namespace sluice {
namespace {

constexpr uint8_t kObjectVersion = 0x80;
constexpr uint8_t kByNumbers = 1;
constexpr size_t kLoopAt = 10;
constexpr size_t kMacAt = 14;
constexpr size_t kOctets = 20;

uint64_t mac_of(const EdgeConfig& config, const uint8_t* octets) noexcept {
  return siphash(config.branch_keys.object, octets, kMacAt) & 0xFFFF'FFFF'FFFFu;
}

bool decode_object_branch(Text branch, uint8_t* octets) noexcept {
  if (branch.size() != kMagicCookie.size() + base64url_size(kOctets) || !same_text(branch.substr(0, kMagicCookie.size()), kMagicCookie)) return false;
  return base64url_decode(branch.substr(kMagicCookie.size()), octets, kOctets) == static_cast<int>(kOctets) && (octets[0] & ~kByNumbers) == kObjectVersion;
}

}  // namespace

size_t make_object_branch(const EdgeConfig& config, KeptBy by, uint64_t serial, uint32_t loop, char* out) noexcept {
  uint8_t octets[kOctets];
  octets[0] = static_cast<uint8_t>(kObjectVersion | (by == KeptBy::numbers ? kByNumbers : 0));
  octets[1] = config.shard;
  put_number(octets + 2, config.boot, 2);
  put_number(octets + 4, serial, 6);
  put_number(octets + kLoopAt, loop, 4);
  put_number(octets + kMacAt, mac_of(config, octets), 6);
  std::memcpy(out, kMagicCookie.data(), kMagicCookie.size());
  return kMagicCookie.size() + base64url_encode(octets, kOctets, out + kMagicCookie.size());
}

bool read_object_branch(const EdgeConfig& config, Text branch, uint8_t& keeper, KeptBy& by) noexcept {
  uint8_t octets[kOctets];
  if (!decode_object_branch(branch, octets) || get_number(octets + 2, 2) != config.boot || get_number(octets + kMacAt, 6) != mac_of(config, octets)) return false;
  keeper = octets[1];
  by = (octets[0] & kByNumbers) != 0 ? KeptBy::numbers : KeptBy::objects;
  return keeper < config.shards;
}

uint32_t object_loop_hash(Text branch) noexcept {
  uint8_t octets[kOctets];
  return decode_object_branch(branch, octets) ? static_cast<uint32_t>(get_number(octets + kLoopAt, 4)) : 0;
}

}  // namespace sluice
