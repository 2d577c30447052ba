// Any octets as an opening handshake: only what a browser could have sent is accepted, and every response fits.
#include <cstdlib>

#include "core/transport/websocket_handshake.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

bool within(Text part, Text whole) { return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Text octets(reinterpret_cast<const char*>(data), size);
  static const UpgradeRules kRules[2] = {{}, {{"https://a.example"}, {"/", "/ws"}}};
  for (const UpgradeRules& rules : kRules) {
    Upgrade upgrade;
    if (read_upgrade(octets, rules, upgrade) == UpgradeRead::more) {
      expect(size < kMaxHandshake && octets.find("\r\n\r\n") == Text::npos);
      continue;
    }
    expect(within(upgrade.head, octets) && within(upgrade.target, octets) && within(upgrade.key, octets) && within(upgrade.origin, octets));
    if (upgrade.status == 101) {
      expect(octets.starts_with("GET /") && upgrade.head.ends_with("\r\n\r\n") && upgrade.head.find("sip") != Text::npos && upgrade.key.size() == 24);
      expect(rules.origins.empty() || same_text(upgrade.origin, "https://a.example"));
    }
    char room[kMaxUpgradeAnswer];
    Writer out(room, sizeof room);
    write_upgrade_answer(upgrade, upgrade.status, Text(), Text(), out);
    expect(!out.full() && out.text().ends_with("\r\n\r\n"));
  }
  return 0;
}
