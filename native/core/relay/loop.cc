#include "core/relay/loop.h"

#include <algorithm>

#include "core/relay/object_branch.h"
#include "core/relay/via_branch.h"
#include "core/sip/name_addr.h"
#include "core/sip/via.h"

namespace sluice {
namespace {

bool is_loop(const EdgeConfig& config, Text host, uint16_t port, Text branch, uint32_t loop_hash) noexcept {
  if (loop_hash_in(branch) != loop_hash && object_loop_hash(branch) != loop_hash) return false;
  return is_own_host(config, host, port == 0 ? kSipPort : port);
}

}  // namespace

uint32_t loop_hash_of(SipHasher hash, const Message& message) noexcept {
  for (const HeaderLine* line = message.line(HeaderId::route); line != nullptr; line = message.next(*line))
    hash.add(message.data + line->value_at, line->value_len);
  const uint32_t value = static_cast<uint32_t>(hash.finish());
  return value == 0 ? 1 : value;
}

bool is_loop(const EdgeConfig& config, const Message& message, uint32_t loop_hash) noexcept {
  if (message.via_count <= kKeptVias) {
    return std::any_of(message.vias, message.vias + message.via_count,
                       [&](const ViaName& via) { return is_loop(config, message.text(via.host), via.port, message.text(via.branch), loop_hash); });
  }
  for (const HeaderLine* line = message.line(HeaderId::via); line != nullptr; line = message.next(*line)) {
    ValueList values(message.value(*line));
    for (Text value; values.next(value);) {
      Via via;
      if (parse_via(value, via) && is_loop(config, via.host, via.port, via.branch, loop_hash)) return true;
    }
  }
  return false;
}

}  // namespace sluice
