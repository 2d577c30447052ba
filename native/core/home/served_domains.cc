#include "core/home/served_domains.h"

namespace sluice {

// Ignores the dot of a fully qualified name, and brackets.
const std::string* ServedDomains::find(Text host) const noexcept {
  constexpr size_t kMost = 255;
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (!host.empty() && host.front() == '[') host.remove_prefix(1);
  if (!host.empty() && host.back() == ']') host.remove_suffix(1);
  if (host.size() > kMost) return nullptr;
  char name[kMost] = {};
  for (size_t i = 0; i < host.size(); ++i) name[i] = lower(host[i]);
  const auto found = hosts_.find(Text(name, host.size()));
  return found == hosts_.end() ? nullptr : &found->second;
}

}  // namespace sluice
