// The domains that this server keeps addresses of record for (src/sip/domains.ts).
#pragma once

#include <string>
#include <unordered_map>

#include "core/base/bytes.h"

namespace sluice {

class ServedDomains {
 public:
  // `name`: in lower case, without brackets. `host`: its form in addresses of record, for an alias the domain it stands for;
  // empty: a name of this server without users.
  void add(std::string name, std::string host) { hosts_.insert_or_assign(std::move(name), std::move(host)); }

  // Whether a request for a URI with this host is for this server.
  bool leads_here(Text host) const noexcept { return find(host) != nullptr; }
  // Its form in addresses of record; empty: we have no users there.
  Text shown(Text host) const noexcept {
    const std::string* const found = find(host);
    return found == nullptr ? Text() : Text(*found);
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(Text text) const noexcept { return std::hash<Text>()(text); }
  };

  const std::string* find(Text host) const noexcept;

  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> hosts_;
};

}  // namespace sluice
