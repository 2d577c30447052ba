// Bounds of the table of bindings: in number, in octets, and for each source.
#include "binding_tables.h"

namespace sluice::binding_bounds_test {
using namespace binding_table_test;

TEST("REG-24 the table is bounded in number and octets, and so is a single operation") {
  BindingTable table(kKey, {3, 1 << 20}, kStart);
  const auto aor = [](int user) { return "sip:" + std::to_string(user) + "@h"; };
  for (int user = 0; user < 3; ++user) CHECK(save(table, operation(aor(user), kStart, {plain_binding("192.0.2.1", kStart + 10)})) == Outcome::saved);
  CHECK(save(table, operation(aor(3), kStart, {plain_binding("192.0.2.1", kStart + 10)})) == Outcome::no_room);
  CHECK(save(table, operation(aor(2), kStart, {plain_binding("192.0.2.1", kStart + 20, 2)})) == Outcome::saved);
  CHECK(save(table, operation(aor(2), kStart, {plain_binding("192.0.2.1", kStart + 20, 3), plain_binding("192.0.2.2", kStart + 20, 3)})) == Outcome::no_room);
  CHECK_EQ(lookup(table, aor(2), kStart).front().cseq, 2u);
  // An expired binding makes room for its own address at once.
  CHECK(save(table, operation(aor(1), kStart + 11, {plain_binding("192.0.2.2", kStart + 30, 3)})) == Outcome::saved);
  CHECK_EQ(table.bindings(), 3u);

  BindingTable small(kKey, {100'000, 2 << 20}, kStart);
  int saved = 0;
  KeptBinding large = plain_binding("192.0.2.1", kStart + 10);
  large[Part::path] = std::string(10'000, 'p');
  while (save(small, operation(aor(saved), kStart, {large})) == Outcome::saved && saved < 1'000) ++saved;
  CHECK(saved > 100 && saved < 215);
  CHECK(small.octets() <= 2 << 20);
  CHECK_EQ(small.addresses(), static_cast<uint64_t>(saved));
  for (int user = 0; user < saved; ++user) small.remove(aor(user), large[Part::key], UINT64_MAX);
  CHECK_EQ(small.octets(), 0u);
  large[Part::path] = std::string(65'000, 'p');
  large[Part::agent] = std::string(1'000, 'p');
  CHECK(save(small, operation("sip:large@h", kStart, {large})) == Outcome::full);
  CHECK_EQ(small.octets(), 0u);
}

TEST("REG-24 once the table is half full no source has more than an eighth of it, in number or octets, over a restart too") {
  Log log;
  BindingTable table(kKey, {800, 8 << 20}, kStart);
  table.set_log(&log);
  Address here, there;
  CHECK(parse_ip("2001:db8::1", here));
  CHECK(parse_ip("2001:db8::2:1", there));
  const uint16_t one = table.payer_of(here);
  CHECK(one != 0);
  CHECK_EQ(table.payer_of(there), one);  // one /64
  CHECK(parse_ip("192.0.2.1", there));
  const uint16_t other = table.payer_of(there);
  int users = 0;
  const auto puts = [&](BindingTable& in, int user, uint16_t payer, size_t octets = 0, uint32_t cseq = 1) {
    KeptBinding binding = plain_binding("192.0.2.1", kStart + 1'000, cseq);
    binding.payer = payer;
    binding[Part::path] = std::string(octets, 'p');
    return save(in, operation("sip:" + std::to_string(user) + "@h", kStart, {binding}));
  };
  while (users < 400) CHECK(puts(table, users++, one) == Outcome::saved);
  const auto holds = [&](BindingTable& in, uint32_t cseq) {
    CHECK(puts(in, 1'000, one) == Outcome::source_full);
    CHECK(puts(in, 7, one, 0, cseq) == Outcome::saved);   // a refresh
    CHECK(puts(in, 8, one, 10, cseq) == Outcome::saved);  // a replacement
  };
  holds(table, 2);
  BindingTable restored(kKey, {800, 8 << 20}, kStart);
  replay(restored, log.records);
  holds(restored, 3);
  for (int i = 0; i < 100; ++i) CHECK(puts(table, users++, other) == Outcome::saved);
  CHECK(puts(table, users, other) == Outcome::source_full);
  CHECK(puts(table, users++, 0) == Outcome::saved);
  // What is removed is given back.
  for (int user = 0; user < 301; ++user) CHECK(table.remove("sip:" + std::to_string(user) + "@h", plain_binding("192.0.2.1", 0)[Part::key], UINT64_MAX));
  for (int i = 0; i < 200; ++i) CHECK(puts(table, users++, 0) == Outcome::saved);
  CHECK(puts(table, 1'000, one) == Outcome::saved);
  CHECK(puts(table, 1'001, one) == Outcome::source_full);
  table.set_bounds({200, 8 << 20});
  CHECK(puts(table, 1'001, other) == Outcome::no_room);
  table.set_bounds({8'000, 8 << 20});
  CHECK(puts(table, 1'001, other) == Outcome::saved);

  BindingTable large(kKey, {8'000, 8 << 20}, kStart);
  while (large.octets() < 4 << 20) CHECK(puts(large, users++, one, 30'000) == Outcome::saved);
  CHECK(puts(large, users++, one, 30'000) == Outcome::source_full);
  for (int i = 0; i < 33; ++i) CHECK(puts(large, users++, other, 30'000) == Outcome::saved);
  CHECK(puts(large, users++, other, 1'000) == Outcome::saved);
  CHECK(puts(large, users++, other, 60'000) == Outcome::source_full);
}

}  // namespace sluice::binding_bounds_test
