// Where the copies of a request go, and under which names other processes know that.
#include "bindings.h"
#include "check.h"
#include "core/home/ways.h"

namespace sluice::ways_test {
using namespace test;

// A request that waits takes what it has tried to the next process (context_image.h), which may be of another version. So the hash is fixed; its values
// are in siphash_test.cc.
TEST("OB-7-21 a way is named by SipHash-2-4, as every version expects it") {
  constexpr SipKey kKey{3, 4};
  const KeptBinding binding = plain_binding("192.0.2.7", 2);
  const std::string identity = "sip:bob@h " + binding[Part::key] + " 1";
  Ways ways;
  ways.begin(kKey, {.aor = "sip:bob@h", .instance = {}, .life = {}});
  ways.take(binding.view());
  ways.end();
  CHECK_EQ(ways.count(), 1u);
  CHECK(ways.at(0).key == siphash(kKey, binding[Part::key].data(), binding[Part::key].size()));
  CHECK(ways.at(0).identity == siphash(kKey, identity.data(), identity.size()));
}

}  // namespace sluice::ways_test
