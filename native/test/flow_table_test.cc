// The flow table: slots, generations, and the index of UDP flows.
#include "core/flow/flow_table.h"

#include "core/flow/birth.h"
#include "core/flow/close_list.h"
#include "flow_tokens.h"

namespace sluice::flow_table_test {
using namespace test;

namespace {

struct Table {
  SipKey key{1, 2};
  FlowTable flows{key, 0xFFFFFFFE};
};

}  // namespace

TEST("OB-5.1-4 a reused slot has a new generation, and old handles find nothing") {
  Table table;
  const uint32_t slot = table.flows.open(FlowKind::stream, address("192.0.2.1", 5060), 0);
  const FlowHandle first = table.flows.handle(slot);
  CHECK(table.flows.find(first) == &table.flows.at(slot));
  table.flows.release(slot);
  CHECK(table.flows.find(first) == nullptr);
  CHECK(table.flows.open_at(slot) == nullptr);
  CHECK_EQ(table.flows.open(FlowKind::stream, address("192.0.2.2", 5060), 0), slot);
  CHECK(table.flows.find(first) == nullptr);
  CHECK(table.flows.handle(slot).generation != first.generation);
  CHECK(table.flows.handle(slot).generation != 0);  // 0 would not mark a flow in epoll events
  CHECK(table.flows.find({0, 1}) == nullptr);
  CHECK(table.flows.find({999, 1}) == nullptr);
}

TEST("a connection that is about to be closed cannot be found") {
  Table table;
  const uint32_t slot = table.flows.open(FlowKind::stream, address("192.0.2.1", 5060), 0);
  const uint32_t generation = table.flows.at(slot).generation;
  CHECK(table.flows.find_stream(slot, generation) != nullptr);
  table.flows.at(slot).marks |= kMark_closing;
  CHECK(table.flows.find_stream(slot, generation) == nullptr);
  CHECK(table.flows.find({slot, generation}) != nullptr);
}

TEST("UDP flows are found by address and listener, however many there are") {
  Table table;
  std::vector<uint32_t> slots;
  for (uint32_t i = 0; i < 5000; ++i) slots.push_back(table.flows.open(FlowKind::udp, address("192.0.2.1", static_cast<uint16_t>(1000 + i)), 3));
  for (uint32_t i = 0; i < 5000; ++i) {
    CHECK_EQ(table.flows.find_udp(address("192.0.2.1", static_cast<uint16_t>(1000 + i)), 3), slots[i]);
    CHECK_EQ(table.flows.find_udp(address("192.0.2.1", static_cast<uint16_t>(1000 + i)), 4), 0u);
  }
  for (uint32_t i = 0; i < 5000; i += 2) table.flows.release(slots[i]);
  for (uint32_t i = 0; i < 5000; ++i)
    CHECK_EQ(table.flows.find_udp(address("192.0.2.1", static_cast<uint16_t>(1000 + i)), 3), i % 2 == 0 ? 0u : slots[i]);
  CHECK_EQ(table.flows.size(), 2500u);
}

TEST("the hash of an address depends on its key and on every bit of address, port and listener, and fills buckets evenly") {
  const AddressHash hash(SipKey{1, 2}), other(SipKey{1, 3});
  for (const Address& whole : {address("192.0.2.1", 5060), address("2001:db8::9", 5060)}) {
    const uint32_t as_it_is = hash(whole, 3);
    CHECK(other(whole, 3) != as_it_is);
    for (unsigned bit = whole.is_v4() ? 96 : 0; bit < 128; ++bit) {
      Address flipped = whole;
      flipped.ip[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      CHECK(hash(flipped, 3) != as_it_is);
    }
    for (unsigned bit = 0; bit < 16; ++bit) {
      Address flipped = whole;
      flipped.port ^= static_cast<uint16_t>(1u << bit);
      CHECK(hash(flipped, 3) != as_it_is);
      CHECK(hash(whole, static_cast<uint16_t>(3u ^ 1u << bit)) != as_it_is);
    }
  }
  // Addresses, or ports, in a row; chance alone gives 16 in a bucket, hardly ever 50.
  for (const bool ports : {false, true}) {
    std::vector<unsigned> buckets(1024);
    for (uint32_t i = 0; i < 16 * 1024; ++i) {
      Address one = address("10.0.0.1", static_cast<uint16_t>(ports ? 1024 + i : 5060));
      if (!ports) one.ip[14] = static_cast<uint8_t>(i >> 8), one.ip[15] = static_cast<uint8_t>(i);
      CHECK(++buckets[hash(one, 0) % buckets.size()] < 50);
    }
  }
}

TEST("a response is expected for a limited time, not for ever") {
  Flow flow;
  CHECK(!owes_answer(flow, 100));
  expect_answer(flow, 100, 200);
  expect_answer(flow, 120, 150);
  CHECK_EQ(flow.waiting, 2);
  CHECK(owes_answer(flow, 199));
  CHECK(!owes_answer(flow, 200));
  // Overdue responses do not add to later ones.
  expect_answer(flow, 300, 400);
  CHECK_EQ(flow.waiting, 1);
  flow.waiting = UINT16_MAX;
  expect_answer(flow, 300, 400);
  CHECK_EQ(flow.waiting, UINT16_MAX);
}

TEST("births compare correctly across the wrap of their 24 bits") {
  CHECK(is_later(5, 0xFFFFF8));
  CHECK(!is_later(0xFFFFF8, 5));
  CHECK(!is_later(7, 7));
  CHECK(is_later(8, 7));
  CHECK_EQ(birth_age(0xFFFFFF, 1), 2 * kBirthSeconds);
  CHECK_EQ(birth_after(0xFFFFFF), 0u);
  CHECK_EQ(birth_at(uint64_t{0x1000000} * 16), 0u);  // 1978, 1987, ... 2029
}

TEST("entries added to the close list while it is being processed wait for the next time") {
  CloseList list;
  list.add({1, 10}, Counter::flows_closed);
  const std::vector<CloseList::Entry> first = list.take(8);
  CHECK_EQ(first.size(), 1u);
  CHECK(list.empty());
  list.add({2, 20}, Counter::flows_faulty);
  CHECK_EQ(list.take(8)[0].flow.slot, 2u);
  CHECK(list.take(8).empty());
}

TEST("a long close list yields its first entries, and the rest keep their order") {
  CloseList list;
  for (uint32_t slot = 1; slot <= 5; ++slot) list.add({slot, 10}, Counter::flows_closed);
  CHECK_EQ(list.take(2)[1].flow.slot, 2u);
  CHECK_EQ(list.take(2)[0].flow.slot, 3u);
  CHECK_EQ(list.take(2).size(), 1u);
}

}  // namespace sluice::flow_table_test
