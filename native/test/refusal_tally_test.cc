// Who is refused: exact while there is room, and always bounded.
#include "core/flow/refusal_tally.h"

#include <cstring>

#include "check.h"

namespace sluice::refusal_tally_test {
namespace {

Address source(uint32_t number) {
  Address address;
  std::memcpy(address.ip + 12, &number, sizeof number);
  address.port = static_cast<uint16_t>(number);
  return address;
}

}  // namespace

TEST("refusals are counted by source and status, whatever the port") {
  RefusalTally tally(SipKey{1, 2});
  Address phone = source(1);
  for (uint32_t i = 0; i < 5; ++i, ++phone.port) tally.add(phone, "SIP/2.0 403 Forbidden", 10 + i);
  tally.add(phone, "SIP/2.0 404 Not Found", 20);
  size_t rows = 0;
  tally.each([&](const RefusalTally::Row& row) {
    ++rows;
    CHECK(row.source.same_ip(phone));
    if (row.status == 403) CHECK(row.count == 5 && row.first == 10 && row.last == 14);
    else CHECK(row.status == 404 && row.count == 1);
  });
  CHECK_EQ(rows, 2u);
  CHECK(RefusalTally::is_refusal("SIP/2.0 600 x") && !RefusalTally::is_refusal("SIP/2.0 302 x") && !RefusalTally::is_refusal("SIP/2.0 4"));
}

TEST("a flood of sources takes no more room, and a source that is refused all the time stays") {
  RefusalTally tally(SipKey{1, 2});
  for (uint32_t i = 0; i < 100'000; ++i) {
    tally.add(source(1'000 + i), 404, i);
    if (i % 100 == 0) tally.add(source(7), 403, i);
  }
  size_t rows = 0;
  uint32_t steady = 0;
  tally.each([&](const RefusalTally::Row& row) {
    ++rows;
    if (row.status == 403) steady = row.count;
  });
  CHECK(rows <= RefusalTally::kPlaces);
  CHECK_EQ(steady, 1'000u);
}

}  // namespace sluice::refusal_tally_test
