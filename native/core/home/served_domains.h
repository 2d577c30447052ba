// The domains whose addresses of record are kept here (src/sip/domains.ts).
#pragma once

#include <string>
#include <unordered_map>

#include "core/base/bytes.h"

namespace sluice {

class ServedDomains {
 public:
  // `name`: in lower case, without brackets. `host`: how addresses of record show it, which for an alias is the name that it stands for;
  // empty: a name of this server that has no users.
  void add(std::string name, std::string host) { hosts_.insert_or_assign(std::move(name), std::move(host)); }

  // Whether requests for that host of a URI are meant for this server.
  bool leads_here(Text host) const noexcept { return find(host) != nullptr; }
  // What addresses of record show for it; empty: it has no users of ours.
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
