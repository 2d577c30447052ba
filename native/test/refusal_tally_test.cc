// Who is refused: exact while there is room, and always bounded.
#include "core/flow/refusal_tally.h"

#include <cstring>
#include <string>

#include "check.h"

namespace sluice::refusal_tally_test {
namespace {

Address source(uint32_t number) {
  Address address;
  std::memcpy(address.ip + 12, &number, sizeof number);
  address.port = static_cast<uint16_t>(number);
  return address;
}

struct Counted {
  int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
  Counters counters{numbers};
  RefusalTally tally{SipKey{1, 2}, counters};
};

}  // namespace

TEST("refusals are counted by source and status, whatever the port") {
  Counted counted;
  RefusalTally& tally = counted.tally;
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

TEST("a refusal names who the request said it was from, looked at once a tick") {
  Counted counted;
  RefusalTally& tally = counted.tally;
  const auto who = [&] {
    std::string found;
    tally.each([&](const RefusalTally::Row& row) { found = row.who(); });
    return found;
  };
  const auto refuse = [&](const std::string& headers, uint32_t tick) { tally.add(source(1), "SIP/2.0 403 Forbidden\r\nVia: x\r\n" + headers + "\r\n", tick); };
  refuse("To: <sip:bob@example.com>\r\nFrom: \"Al, from: <x>\" <sip:alice:pw@example.com:5070;user=phone>;tag=1\r\n", 1);
  CHECK_EQ(who(), "sip:alice@example.com");
  refuse("f : sip:carol@example.com;tag=2\r\n", 1);
  CHECK_EQ(who(), "sip:alice@example.com");
  refuse("f : sip:carol@example.com;tag=2\r\n", 2);
  CHECK_EQ(who(), "sip:carol@example.com");
  // No header, one that is no address, one that does not end, one that is too long.
  for (const std::string& bad : {std::string(), std::string("From: <<>\r\n"), std::string("From"), "From: <sip:" + std::string(200, 'x') + "@example.com>\r\n"}) {
    refuse("From: sip:carol@example.com\r\n", 3);
    refuse(bad, 4);
    CHECK_EQ(who(), "");
  }
}

TEST("a flood of sources takes no more room, and a source that is refused all the time stays") {
  Counted counted;
  RefusalTally& tally = counted.tally;
  for (uint32_t i = 0; i < 100'000; ++i) {
    tally.add(source(1'000 + i), "SIP/2.0 404 Not Found", i);
    if (i % 100 == 0) tally.add(source(7), "SIP/2.0 403 Forbidden", i);
  }
  size_t rows = 0;
  uint32_t steady = 0;
  tally.each([&](const RefusalTally::Row& row) {
    ++rows;
    if (row.status == 403) steady = row.count;
  });
  CHECK(rows <= RefusalTally::kPlaces);
  // Every new source took a free place or that of another; the steady one took one place, and kept it.
  CHECK_EQ(counted.counters.get(Counter::refused_sources), static_cast<int64_t>(rows));
  CHECK_EQ(counted.counters.get(Counter::refused_sources_forgotten), static_cast<int64_t>(100'001 - rows));
  CHECK_EQ(steady, 1'000u);
}

}  // namespace sluice::refusal_tally_test
