// Whether a connection came from the same source as someone who uses its token.
#include "core/flow/flow_commons.h"

#include "check.h"
#include "flow_tokens.h"

namespace sluice::flow_origins_test {
using namespace test;

namespace {

FlowName connection(uint32_t slot, uint32_t generation = 1) {
  FlowName name;
  name.shard = 2;
  name.boot = 7;
  name.slot = slot;
  name.generation = generation;
  return name;
}

}  // namespace

TEST("OB-5.3.1-18 a connection's source is known even after it ends, and not confused with other lives of its slot") {
  FlowOrigins origins;
  origins.put(connection(5), address("192.0.2.1", 5060));
  CHECK_EQ(origins.compare(connection(5), address("192.0.2.1", 9999)), Origin::same);
  CHECK_EQ(origins.compare(connection(5), address("192.0.2.2", 5060)), Origin::other);
  CHECK_EQ(origins.compare(connection(5, 2), address("192.0.2.1", 5060)), Origin::forgotten);
  CHECK_EQ(origins.compare(connection(6), address("192.0.2.1", 5060)), Origin::forgotten);
  origins.put(connection(5), address("2001:db8::1", 5060));
  CHECK_EQ(origins.compare(connection(5), address("2001:db8::ffff:1", 5060)), Origin::same);
  CHECK_EQ(origins.compare(connection(5), address("2001:db8:0:1::1", 5060)), Origin::other);
}

TEST("OB-5.3.1-18 two flows belong to one user, whatever the device, or to nobody") {
  FlowOwners owners(SipKey{1, 2}, 1 << 20);
  owners.put(connection(1), "sip:alice@example.com\n<urn:uuid:1>\n");
  owners.put(connection(2), "sip:alice@example.com\n<urn:uuid:2>\nkey");
  owners.put(connection(3), "sip:alice@example.com.example\n\n");
  CHECK(owners.have_one_user(connection(1), connection(2)));
  CHECK(!owners.have_one_user(connection(1), connection(3)));
  CHECK(!owners.have_one_user(connection(1), connection(4)));
  CHECK(!owners.have_one_user(connection(4), connection(5)));
}

TEST("one source that registers over ever new flows takes the places of its own oldest, not of other sources") {
  FlowOwners owners(SipKey{1, 2}, 16 << 16);
  const Address good = address("2001:db8:1::1", 5060);
  for (uint32_t i = 1; i <= 100; ++i) owners.put(connection(i), "sip:good@example.com\n\n", &good);
  Address greedy = address("2001:db8:2::", 5060);
  for (uint32_t i = 0; i < 50'000; ++i) {
    std::memcpy(greedy.ip + 12, &i, sizeof i);  // the whole /64 is one source
    owners.put(connection(1'000 + i), "sip:greedy@example.com\n\n", &greedy);
  }
  for (uint32_t i = 1; i <= 100; ++i) CHECK(!owners.find(connection(i)).empty());
  CHECK(!owners.find(connection(50'999)).empty());
  CHECK(owners.find(connection(1'000)).empty());
  const FlowOwners::Size size = owners.size();
  CHECK(size.octets <= (16 << 16) / 8 * 5 && size.octets > (16 << 16) / 3);
  CHECK(size.forgotten > 0);
  // A source that registers again over the same flow holds no more than before.
  for (int i = 0; i < 50'000; ++i) owners.put(connection(1), "sip:good@example.com\n\n", &good);
  CHECK_EQ(owners.size().known, size.known);
  for (uint32_t i = 1; i <= 100; ++i) CHECK(!owners.find(connection(i)).empty());
}

}  // namespace sluice::flow_origins_test
