#include "core/relay/loop.h"

#include <algorithm>
#include <cstring>

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

uint64_t word_at(const char* octets) noexcept {
  uint64_t word;
  std::memcpy(&word, octets, sizeof word);
  return word;
}

// Both halves of the product.
uint64_t product_of(uint64_t a, uint64_t b) noexcept {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// A Route set is some 250 octets, too many for SipHash in each request. Whoever finds two that are the same here has only his own request taken
// for one that goes round.
uint64_t mix_in(uint64_t mixed, Text value) noexcept {
  constexpr uint64_t kFirst = 0x9E37'79B9'7F4A'7C15u, kSecond = 0xD6E8'FEB8'6659'FD93u;
  const size_t size = value.size();
  mixed ^= size * kFirst;
  if (size < 16) {
    char last[16] = {};
    value.copy(last, size);
    return product_of(word_at(last) ^ kFirst, word_at(last + 8) ^ kSecond ^ mixed);
  }
  for (size_t at = 0; at + 16 < size; at += 16) mixed = product_of(word_at(value.data() + at) ^ kFirst, word_at(value.data() + at + 8) ^ kSecond ^ mixed);
  const char* const last = value.data() + size - 16;  // may overlap
  return product_of(word_at(last) ^ kFirst, word_at(last + 8) ^ kSecond ^ mixed);
}

}  // namespace

uint32_t loop_hash_of(SipHasher hash, const Message& message) noexcept {
  if (message.line(HeaderId::route) != nullptr) {
    uint64_t routes = 0;
    for (const HeaderLine* line = message.line(HeaderId::route); line != nullptr; line = message.next(*line)) routes = mix_in(routes, message.value(*line));
    hash.add(&routes, sizeof routes);
  }
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
