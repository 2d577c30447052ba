#include "core/home/ways.h"

#include <charconv>
#include <cstring>

#include "core/home/gruu.h"
#include "core/home/register_request.h"
#include "core/relay/uri_place.h"
#include "core/sip/name_addr.h"

namespace sluice {
namespace {

// An address that is known without DNS, reached by a transport that neighbours speak.
bool read_place(const Uri& uri, Address& to, Transport& transport) noexcept {
  Text named;
  if (uri.scheme != Scheme::sip || uri.port_zero || find_uri_param(uri.params, "maddr", nullptr) || !parse_ip(uri.host, to)) return false;
  if (find_uri_param(uri.params, "transport", &named) && !same_text(named, "udp") && !same_text(named, "tcp") && !same_text(named, "tls")) return false;
  transport = transport_of(uri);
  to.port = port_of(uri);
  return !to.is_unusable_peer();
}

}  // namespace

void Ways::begin(const SipKey& key, const Callee& callee, Text node) noexcept {
  key_ = key;
  callee_ = callee;
  node_ = node;
  count_ = used_ = 0;
  instance_ = Text();
  is_plain_ = true;
  has_life_ = false;
}

// As `Destination.pick` in src/registrar/gruu.ts.
void Ways::end() noexcept {
  if (!callee_.life.empty() && !has_life_) count_ = 0;
}

void Ways::take(const Binding& binding) noexcept {
  if (!callee_.instance.empty() && binding[Part::instance] != callee_.instance) return;
  char life[kGruuLife];
  if (!callee_.life.empty() && !has_life_) has_life_ = write_gruu_life(binding, life) && Text(life, sizeof life) == callee_.life;
  if (count_ == kMost || !read(binding, ways_[count_])) is_plain_ = false;
  else ++count_;
}

bool Ways::add_upstream(Transport transport, const Address& to, Text uri) noexcept {
  if (count_ == kMost) return false;
  Way& way = ways_[count_];
  way = Way{};
  way.device = 1;
  way.key = way.identity = upstream_key(transport, to);
  way.q = 1'000;
  way.to = to;
  way.transport = transport;
  if (count_ > 0) way.uri = ways_[0].uri;
  else if (!keep(uri, way.uri)) return false;
  ++count_;
  return true;
}

uint64_t Ways::upstream_key(Transport transport, const Address& to) const noexcept {
  const char kind = static_cast<char>(transport);
  return hash({Text("upstream "), Text(&kind, 1), Text(reinterpret_cast<const char*>(to.ip), sizeof to.ip), Text(reinterpret_cast<const char*>(&to.port), sizeof to.port)});
}

bool Ways::read(const Binding& binding, Way& way) noexcept {
  // It has a second way besides its flow.
  if ((binding.flags & kDirect) != 0) return false;
  Uri uri;
  // The flows of a device have one Contact most often, and it has just been read.
  const bool is_needed = binding[Part::path].empty() && binding[Part::flow].empty();
  const bool is_known = !is_needed && count_ > 0 && ways_[count_ - 1].uri == binding[Part::uri];
  if (!is_known && (!parse_uri(binding[Part::uri], uri) || uri.scheme != Scheme::sip || !uri.headers.empty() || find_uri_param(uri.params, "method", nullptr))) return false;
  way = Way{};
  way.updated = binding.updated;
  way.q = binding.q;
  char digits[20];
  const Text updated(digits, static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, binding.updated).ptr - digits));
  way.key = hash({binding[Part::key]});
  // As `identityOf` in src/proxy/target.ts.
  way.identity = hash({callee_.aor, Text(" "), binding[Part::key], Text(" "), updated});
  const bool is_flow = binding.outbound() && !binding[Part::instance].empty();
  way.device = is_flow ? device_of(binding[Part::instance]) : hash({Text("contact "), binding[Part::uri], Text(" "), binding[Part::flow], binding[Part::path]});
  way.is_foreign = !binding[Part::flow].empty() && binding[Part::node] != node_;
  if (!keep(binding[Part::key], way.binding) || !keep(binding[Part::uri], way.uri)) return false;
  if (!way.is_foreign && !keep(binding[Part::flow], way.flow)) return false;
  if (!way.flow.empty()) return true;
  if (!keep(binding[Part::path], way.path)) return false;
  // Rows of earlier versions name no node.
  if (way.is_foreign && (binding[Part::node].empty() || way.path.empty())) return false;
  // Over a connection, a phone's Contact is dialled, which the object path does.
  if (way.path.empty()) return read_place(uri, way.to, way.transport) && way.transport == Transport::udp;
  Text path = way.path;
  Text first;
  NameAddr route;
  // A strict router has its own form (RFC 3261 16.6 step 6).
  return next_path_value(path, first) && parse_name_addr(first, route) && parse_uri(route.uri_text, uri) && find_uri_param(uri.params, "lr", nullptr) && read_place(uri, way.to, way.transport);
}

// That of the binding before, most often.
uint64_t Ways::device_of(Text instance) noexcept {
  if (instance != instance_) {
    device_ = hash({Text("instance "), instance});
    if (!keep(instance, instance_)) instance_ = Text();
  }
  return device_;
}

bool Ways::keep(Text text, Text& out) noexcept {
  if (text.size() > kRoom - used_) return false;
  if (!text.empty()) std::memcpy(texts_ + used_, text.data(), text.size());
  out = Text(texts_ + used_, text.size());
  used_ += text.size();
  return true;
}

uint64_t Ways::hash(const SipKey& key, std::initializer_list<Text> parts) noexcept {
  SipHasher hasher(key);
  for (const Text part : parts) hasher.add(part.data(), part.size());
  return hasher.finish();
}

}  // namespace sluice
