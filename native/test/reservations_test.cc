// Places for requests on the object path: room for what matters more, and a shard that ends leaves nothing reserved.
#include "core/flow/reservations.h"

#include "check.h"

namespace sluice::reservations_test {
namespace {

Address address(const char* text) {
  Address result;
  CHECK(parse_ip(text, result));
  return result;
}

int fill(Reservations& reservations, const Address& source, Room room, const ReservationLimits& limits, uint64_t octets = 1, bool exempt = false) {
  int given = 0;
  uint32_t place = 0;
  while (given < 1000 && reservations.take(source, 1, octets, room, exempt, limits, place) == Grant::given) ++given;
  return given;
}

}  // namespace

TEST("a flood of calls leaves room for registrations, those leave room for known phones, and all leave room for BYE and CANCEL") {
  SourceShares shares;
  Reservations reservations(shares);
  const ReservationLimits limits{80, 80, 1000, 1000};
  CHECK_EQ(fill(reservations, address("192.0.2.1"), Room::opening, limits), 40);
  CHECK_EQ(fill(reservations, address("192.0.2.2"), Room::registering, limits), 20);
  CHECK_EQ(fill(reservations, address("192.0.2.3"), Room::known, limits), 10);
  CHECK_EQ(fill(reservations, address("192.0.2.4"), Room::ending, limits), 10);
  CHECK_EQ(fill(reservations, address("192.0.2.4"), Room::ending, limits), 0);
}

TEST("each source has its share of the number and the octets; a neighbour has no share of its own") {
  SourceShares shares;
  Reservations reservations(shares);
  const ReservationLimits limits{800, 80, 80'000, 8'000};
  CHECK_EQ(fill(reservations, address("192.0.2.1"), Room::opening, limits), 40);
  CHECK_EQ(fill(reservations, address("192.0.2.2"), Room::opening, limits, 1'000), 4);
  CHECK_EQ(fill(reservations, address("192.0.2.3"), Room::ending, limits, 9'000), 0);
  CHECK_EQ(fill(reservations, address("192.0.2.4"), Room::opening, limits, 1, true), 400 - 44);
}

TEST("returning a place twice counts once, and a shard that ends returns all its places") {
  SourceShares shares;
  {
    Reservations reservations(shares);
    uint32_t first = 0;
    uint32_t second = 0;
    CHECK(reservations.take(address("192.0.2.1"), 1, 10, Room::ending, false, {}, first) == Grant::given);
    CHECK(reservations.take(address("192.0.2.1"), 1, 20, Room::ending, false, {}, second) == Grant::given);
    CHECK(first != 0 && second != 0 && first != second);
    reservations.give(first);
    reservations.give(first);
    reservations.give(12345);
    CHECK_EQ(shares.held(Holding::transaction), 1u);
    CHECK_EQ(shares.held(Holding::transaction_octets), 20u);
  }
  CHECK_EQ(shares.held(Holding::transaction), 0u);
  CHECK_EQ(shares.sources(), 0u);
}

}  // namespace sluice::reservations_test
