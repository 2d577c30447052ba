#include "core/relay/neighbour.h"

#include <cstring>

#include "core/base/base64url.h"
#include "core/relay/uri_place.h"
#include "core/sip/name_addr.h"

namespace sluice {
namespace {

constexpr size_t kMarkMacOctets = 8;
constexpr size_t kV4Octets = 1 + 4 + 2 + kMarkMacOctets;
constexpr size_t kV6Octets = 1 + 16 + 2 + kMarkMacOctets;
static_assert(base64url_size(kV6Octets) == kMaxNeighbourText);

void put_mac(const SipKey& key, Text token, const uint8_t* octets, size_t size, uint8_t* out) noexcept {
  SipHasher hash(key);
  hash.add(kNeighbourParam.data(), kNeighbourParam.size());
  hash.add(octets, size);
  hash.add(token.data(), token.size());
  uint64_t mac = hash.finish();
  for (size_t i = 0; i < kMarkMacOctets; ++i, mac >>= 8) out[i] = static_cast<uint8_t>(mac);
}

// If it is a SIP URI with a literal address that is not ours.
bool names_address(const EdgeConfig& config, const Uri& uri, Neighbour& out) noexcept {
  if (!is_sip(uri) || uri.port_zero || !parse_ip(uri.host, out.address)) return false;
  if (is_own_host(config, uri.host, port_of(uri))) return false;
  out.address.port = port_of(uri);
  out.transport = transport_of(uri);
  return true;
}

// The same of the first value of a header field.
bool names_address(const EdgeConfig& config, const Message& message, HeaderId id, Neighbour& out) noexcept {
  const HeaderLine* line = message.line(id);
  if (line == nullptr) return false;
  Text list = message.value(*line);
  NameAddr address;
  Uri uri;
  return take_name_addr(list, address) && parse_uri(address.uri_text, uri) && names_address(config, uri, out);
}

}  // namespace

size_t write_neighbour(const SipKey& key, Text token, const Neighbour& neighbour, char* out) noexcept {
  uint8_t octets[kV6Octets];
  const size_t ip = neighbour.address.is_v4() ? 4 : 16;
  octets[0] = static_cast<uint8_t>(neighbour.transport);
  std::memcpy(octets + 1, neighbour.address.ip + (16 - ip), ip);
  octets[1 + ip] = static_cast<uint8_t>(neighbour.address.port >> 8);
  octets[2 + ip] = static_cast<uint8_t>(neighbour.address.port);
  put_mac(key, token, octets, 3 + ip, octets + 3 + ip);
  return base64url_encode(octets, 3 + ip + kMarkMacOctets, out);
}

bool read_neighbour(const SipKey& key, Text token, Text value, Neighbour& out) noexcept {
  uint8_t octets[kV6Octets];
  const int size = base64url_decode(value, octets, sizeof octets);
  if (size != static_cast<int>(kV4Octets) && size != static_cast<int>(kV6Octets)) return false;
  const size_t covered = static_cast<size_t>(size) - kMarkMacOctets;
  uint8_t mac[kMarkMacOctets];
  put_mac(key, token, octets, covered, mac);
  unsigned difference = 0;
  for (size_t i = 0; i < kMarkMacOctets; ++i) difference |= static_cast<unsigned>(mac[i] ^ octets[covered + i]);
  if (difference != 0) return false;
  const size_t ip = covered - 3;
  out = Neighbour{};
  out.transport = static_cast<Transport>(octets[0]);
  if (ip == 4) out.address.ip[10] = out.address.ip[11] = 0xFF;
  std::memcpy(out.address.ip + (16 - ip), octets + 1, ip);
  out.address.port = static_cast<uint16_t>(octets[1 + ip] << 8 | octets[2 + ip]);
  return true;
}

Neighbour neighbour_of(const Surroundings& around, const Message& message, const Source& source) noexcept {
  Neighbour named;
  const EdgeConfig& config = around.config;
  const bool records = message.line(HeaderId::record_route) != nullptr;
  const bool is_named = !records && message.contact.is_read ? names_address(config, message.contact.uri, named) : names_address(config, message, records ? HeaderId::record_route : HeaderId::contact, named);
  if (is_named && !named.address.is_unusable_peer() &&
      (named.address.same_ip(source.remote) || is_trusted(around.config, named.address) || around.upstreams.find(named.address, named.transport) >= 0))
    return named;
  named.address = source.remote;
  named.transport = source.transport;
  // A connection comes from an arbitrary port; its sender listens on the default one.
  if (source.kind == FlowKind::stream) named.address.port = is_secure(source.transport) ? kSipsPort : kSipPort;
  return named;
}

}  // namespace sluice
