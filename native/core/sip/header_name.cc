#include "core/sip/header_name.h"

#include <algorithm>

namespace sluice {

HeaderId header_id(Text name) noexcept {
  using namespace header_name_detail;
  const size_t form = kNameTable.slots[slot_of(key_of(name), kNameFactor)];
  const Text known = kNameForms[form].text;
  const auto same = [](char a, char b) { return lowered(a) == lowered(b); };
  return std::equal(name.begin(), name.end(), known.begin(), known.end(), same) ? kNameForms[form].id : HeaderId::other;
}

}  // namespace sluice
