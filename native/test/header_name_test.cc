// A header name is known by its octets, in any case, and by nothing near it; the quick way in a head finds the same as the other.
#include "core/sip/char_class.h"
#include "core/sip/header_name.h"

#include <string>
#include <vector>

#include "check.h"

namespace sluice::header_name_test {

namespace {

struct Known {
  std::string text;
  HeaderId id;
};

std::vector<Known> known_names() {
  std::vector<Known> names;
  const auto add = [&](const char* text, char compact, HeaderId id) {
    if (id == HeaderId::other) return;
    names.push_back({text, id});
    if (compact != 0) names.push_back({std::string(1, compact), id});
  };
#define SLUICE_HEADER(name, text, compact) add(text, static_cast<char>(compact), HeaderId::name);
#include "core/base/layout.def"
  return names;
}

// As in a head: behind a line end, before the colon.
HeaderId found(const std::string& name) {
  const std::string head = "\r\n" + name + ": " + std::string(kNameReach, 'x');
  const HeaderId id = header_id(Text(head).substr(2, name.size()));
  if (name.size() <= kNameReach) CHECK_EQ(header_id_in_head(head.data() + 2, name.size()), id);
  return id;
}

std::string changed(std::string name, char (*change)(char)) {
  for (char& c : name) c = change(c);
  return name;
}

}  // namespace

TEST("GR-2 every known name in any case, long and compact, and no other of its length or nearly so") {
  CHECK(known_names().size() > 25);
  for (const Known& known : known_names()) {
    const std::string& text = known.text;
    CHECK_EQ(found(text), known.id);
    CHECK_EQ(found(changed(text, [](char c) { return lower(c); })), known.id);
    CHECK_EQ(found(changed(text, [](char c) { return is_alpha(c) ? static_cast<char>(c & ~0x20) : c; })), known.id);
    for (size_t at = 0; at < text.size(); ++at)
      for (const char c : Text("qQ0.-_%!")) {
        if (text.size() == 1 || lower(text[at]) == lower(c)) continue;
        std::string other = text;
        other[at] = c;
        CHECK_EQ(found(other), HeaderId::other);
      }
    if (text.size() > 2) CHECK_EQ(found(text.substr(1)), HeaderId::other);
    if (text.size() > 2) CHECK_EQ(found(text.substr(0, text.size() - 1)), HeaderId::other);
    CHECK_EQ(found(text + "z"), HeaderId::other);
    CHECK_EQ(found("zz" + text), HeaderId::other);
  }
  CHECK_EQ(header_id(""), HeaderId::other);
}

}  // namespace sluice::header_name_test
