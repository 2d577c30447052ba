// Which REGISTERs go at once, which wait, and when the others come back.
#include "core/relay/admission.h"

#include "core/relay/punctuality.h"
#include "flow_tokens.h"
#include "storm.h"

namespace sluice::admission_test {
using namespace test;

TEST("a REGISTER goes at once while the upstream keeps up, and the window grows with answers in time") {
  Storm storm;
  for (uint64_t round = 0; round < 8; ++round) {
    const size_t before = storm.sent.size();
    for (uint64_t i = 0; i < 64; ++i) storm.ask(round * 100 + i + 1);
    CHECK_EQ(storm.sent.size(), before + 64);
    storm.now += kMs;
    for (uint64_t i = 0; i < 64; ++i) storm.answer(round * 100 + i + 1);
  }
  for (uint64_t i = 0; i < 200; ++i) storm.ask(5000 + i);
  CHECK(storm.sent.size() > 8 * 64 + 100);
  CHECK(storm.told.empty());
}

TEST("what is too much waits, a retransmission meanwhile is absorbed, and each answer lets one go") {
  Storm storm;
  fill(storm);
  storm.ask(1);
  storm.ask(2);
  storm.ask(1);
  CHECK_EQ(storm.sent.size(), 64u);
  CHECK_EQ(storm.absorbed, 1);
  CHECK_EQ(storm.count(Counter::registers_waiting), 2);
  storm.now += 300 * kMs;  // neither in time nor late: the window stays
  storm.answer(1000);
  CHECK(storm.go() == std::vector<uint64_t>{1});
  CHECK(storm.go().empty());
  storm.answer(1001);
  CHECK(storm.go() == std::vector<uint64_t>{2});
  CHECK_EQ(storm.count(Counter::registers_waiting), 0);
  // One that is under way is repeated like any other over UDP.
  storm.ask(2);
  CHECK_EQ(storm.sent.back(), 2u);
}

TEST("emergencies go first, then refreshes of registered flows, phones that were told to come back, known ones and the rest") {
  Storm storm;
  storm.registered(4);
  CHECK(storm.rank(4) == Rank::known);
  CHECK(storm.rank(5) == Rank::first);
  storm.turned_away(6);
  CHECK(storm.rank(6) == Rank::told);
  fill(storm);
  storm.ask(5);
  storm.ask(4, storm.rank(4));
  storm.ask(6, storm.rank(6));
  storm.ask(7, Rank::registered);
  storm.ask(8, Rank::urgent);
  storm.now += 300 * kMs;
  for (uint64_t i = 0; i < 5; ++i) storm.answer(1000 + i);
  CHECK((storm.go() == std::vector<uint64_t>{8, 7, 6, 4, 5}));
}

TEST("answers that are late, or missing, make the window smaller") {
  Storm late;
  fill(late);
  late.now += 800 * kMs;
  for (uint64_t i = 0; i < 64; ++i) late.answer(1000 + i);
  fill(late, 2000);
  CHECK_EQ(late.sent.size(), 51u);  // four fifths, once for all of them
  Storm silent;
  fill(silent);
  silent.pass(5 * kSecond);
  CHECK_EQ(silent.count(Counter::registers_unanswered), 64);
  fill(silent, 2000);
  CHECK_EQ(silent.sent.size(), 32u);
}

TEST("an upstream that stands still by turns, and then answers many at once, is not taken for a faster one") {
  Storm storm;
  fill(storm);
  for (uint64_t phone = 1; phone <= 3'000; ++phone) storm.ask(10'000 + phone);
  size_t answered = 0;
  // 200 a second, fifty at a time.
  for (int round = 0; round < 32; ++round) {
    storm.pass(250 * kMs);
    for (int i = 0; i < 50 && answered < storm.sent.size(); ++i) storm.answer(storm.sent[answered++]);
    storm.go();
  }
  CHECK(storm.count(Counter::register_rate) > 150);
  CHECK(storm.count(Counter::register_rate) < 260);
}

TEST("a phone that was told when to come back is forgotten after those that were only registered") {
  PhoneMemory memory;
  // All in one line of eight.
  const auto phone = [](uint32_t i) { return (i + 1) << 21; };
  for (uint32_t i = 0; i < 6; ++i) memory.told(phone(i), 100, false);
  for (uint32_t i = 6; i < 40; ++i) memory.registered(phone(i));
  for (uint32_t i = 0; i < 6; ++i) CHECK_EQ(memory.comes_back(phone(i)), 100u);
  for (uint32_t i = 40; i < 60; ++i) memory.told(phone(i), 200, false);
  CHECK_EQ(memory.comes_back(phone(59)), 200u);
}

TEST("a phone that a full line of the memory has no room for is kept in another one: of a million that were told to come back, hardly one is forgotten") {
  PhoneMemory memory;
  const auto phone = [](uint32_t i) { return static_cast<uint32_t>((uint64_t{i} + 1) * 0x9E3779B97F4A7C15u >> 17); };
  constexpr uint32_t kPhones = 1'000'000;
  for (uint32_t i = 0; i < kPhones; ++i) memory.told(phone(i), 100 + i / 5'000, false);
  uint32_t forgotten = 0;
  for (uint32_t i = 0; i < kPhones; ++i) forgotten += memory.comes_back(phone(i)) == 100 + i / 5'000 ? 0 : 1;
  CHECK(forgotten < kPhones / 1'000);
}

TEST("a phone that was told twice goes before those that were told once, for its REGISTER and the one with credentials, if it comes on time") {
  PhoneMemory memory;
  memory.told(1, 100, false);
  CHECK_EQ(memory.turns(1), 0u);
  memory.told(1, 200, true);
  CHECK_EQ(memory.turns(1), 2u);
  memory.took_turn(1);
  memory.took_turn(1);
  memory.took_turn(1);
  CHECK_EQ(memory.turns(1), 0u);
  CHECK_EQ(memory.comes_back(1), 200u);
  Storm storm;
  const auto rank = [&](uint64_t phone) { return storm.rank(phone); };
  for (const uint64_t phone : {11, 12, 13, 14}) storm.turned_away(phone);
  for (const uint64_t phone : {12, 13, 14}) storm.turned_away(phone);
  CHECK(rank(11) == Rank::told);
  CHECK(rank(12) == Rank::twice);
  storm.registered(14);
  CHECK(rank(14) == Rank::known);
  fill(storm);
  storm.ask(11, rank(11));
  storm.ask(12, rank(12));
  storm.ask(15, Rank::registered);
  CHECK(rank(12) == Rank::twice);
  storm.now += 300 * kMs;
  for (uint64_t i = 0; i < 3; ++i) storm.answer(1000 + i);
  CHECK((storm.go() == std::vector<uint64_t>{15, 12, 11}));
  CHECK(rank(13) == Rank::twice);
  storm.now += 40 * kSecond;
  CHECK(rank(13) == Rank::told);
}

TEST("who is refused in a phone's name from elsewhere takes neither its rank nor its turns, and tells it no time of his") {
  Storm storm;
  const Address attacker = address("203.0.113.1", 5060);
  const auto refused = [&](uint64_t phone) {
    Source source;
    source.remote = attacker;
    return storm.admission.put_off({phone + 1'000'000, 0, Rank::first, source, static_cast<uint32_t>(phone)}, storm.bounds, storm.now);
  };
  storm.registered(21);
  storm.turned_away(22);
  for (int i = 0; i < 2; ++i) storm.turned_away(23);
  fill(storm);
  // Each is told a later time than the one before.
  const auto most_told = [&] { return std::max_element(storm.told.begin(), storm.told.end(), [](const auto& one, const auto& other) { return one.second < other.second; }); };
  for (uint64_t phone = 100'000; phone < 160'000 && (storm.told.empty() || most_told()->second < 5); phone += 1'000) {
    for (uint64_t i = 0; i < 1'000; ++i) {
      Source source;
      source.remote = Storm::address_of(phone + i);
      storm.told[phone + i] = storm.admission.put_off({phone + i, 0, Rank::first, source, static_cast<uint32_t>(phone + i)}, storm.bounds, storm.now);
    }
  }
  for (const uint64_t phone : {21, 22, 23}) CHECK(refused(phone) > 2);
  CHECK(storm.rank(21) == Rank::known);
  CHECK(storm.rank(22) == Rank::told);
  CHECK(storm.rank(23) == Rank::twice);
  // He himself is known there, and comes too early.
  CHECK(storm.admission.rank_of(22, attacker, storm.now) == Rank::first);
  CHECK(storm.admission.rank_of(22, address("203.0.113.1", 5099), storm.now) == Rank::first);
  // Long after its time a phone is one like any other.
  storm.now += 1'900 * kSecond;
  CHECK(storm.rank(22) == Rank::first);
  CHECK(storm.rank(21) == Rank::known);
}

TEST("a phone that was told twice is not told a third time, however long the line of those that were told once") {
  Storm storm;
  storm.bounds = {64u << 20, 100'000};
  fill(storm);
  // An upstream that answers 100 a second, and 40 times as many phones that come back.
  uint64_t phone = 100'000;
  size_t answered = 0;
  const auto tenth = [&] {
    for (int i = 0; i < 400; ++i, ++phone) storm.ask(phone, Rank::told);
    for (int i = 0; i < 10 && answered < storm.sent.size(); ++i) storm.answer(storm.sent[answered++]);
    storm.go();
    storm.pass(100 * kMs);
  };
  for (int i = 0; i < 100; ++i) tenth();
  CHECK(!storm.told.empty());
  storm.told.clear();
  for (uint64_t twice = 1; twice <= 50; ++twice) {
    storm.turned_away(twice);
    storm.turned_away(twice);
    storm.ask(twice, storm.rank(twice));
    storm.ask(twice + 60'000, Rank::told);
    CHECK(!storm.told.contains(twice));
    CHECK(storm.told.contains(twice + 60'000));
  }
  for (int i = 0; i < 30; ++i) tenth();
  for (uint64_t twice = 1; twice <= 50; ++twice) CHECK(std::find(storm.sent.begin(), storm.sent.end(), twice) != storm.sent.end());
}

TEST("of what waits, one of each source goes by turns, and one in eight goes from the lowest rank") {
  Storm storm;
  fill(storm);
  for (uint64_t i = 0; i < 50; ++i) storm.ask(0x0101 + (i << 16));
  storm.ask(0x0202);
  storm.ask(0x0303);
  storm.ask(0x0202 + (1 << 16));
  storm.now += 300 * kMs;
  for (uint64_t i = 0; i < 5; ++i) storm.answer(1000 + i);
  CHECK((storm.go() == std::vector<uint64_t>{0x0101, 0x0202, 0x0303, 0x10101, 0x10202}));
  for (uint64_t i = 0; i < 50; ++i) storm.ask(0x0404 + (i << 16), Rank::told);
  for (uint64_t i = 5; i < 21; ++i) storm.answer(1000 + i);
  const std::vector<uint64_t> gone = storm.go();
  CHECK_EQ(std::count_if(gone.begin(), gone.end(), [](uint64_t phone) { return (phone & 0xFFFF) == 0x0101; }), 2);
}

// A phone of that source; a Storm takes it from the lower half.
uint64_t phone_at(uint64_t source, uint64_t number) { return source + ((number + 1) << 16); }

TEST("a registered flow that sends one REGISTER after the other goes eight times as often as each other source, and nobody is sent away because of it") {
  Storm storm;
  uint64_t flood = 0;
  size_t answered = 0;
  // An upstream that answers 50 a second, and six times as many over one flow.
  const auto tenth = [&] {
    for (int i = 0; i < 30; ++i) storm.ask(phone_at(0x0101, flood++), Rank::registered);
    for (int i = 0; i < 5 && answered < storm.sent.size(); ++i) storm.answer(storm.sent[answered++]);
    storm.go();
    storm.pass(100 * kMs);
  };
  for (int i = 0; i < 100; ++i) tenth();
  CHECK(!storm.told.empty());
  storm.told.clear();
  storm.sent.erase(storm.sent.begin(), storm.sent.begin() + static_cast<std::ptrdiff_t>(answered));
  answered = 0;
  for (uint64_t i = 0; i < 100; ++i) storm.ask(0x0200 + i, i % 2 == 0 ? Rank::first : Rank::told);
  for (uint64_t i = 0; i < 100; ++i) CHECK(!storm.told.contains(0x0200 + i));
  storm.ask(0x0401, Rank::registered);
  CHECK(!storm.told.contains(0x0401));
  const size_t before = storm.sent.size();
  for (int i = 0; i < 50; ++i) tenth();
  const auto went = [&](auto&& is_one) { return std::count_if(storm.sent.begin() + static_cast<std::ptrdiff_t>(before), storm.sent.end(), is_one); };
  CHECK_EQ(went([](uint64_t phone) { return phone == 0x0401; }), 1);
  CHECK_EQ(went([](uint64_t phone) { return (phone & 0xFF00) == 0x0200; }), 100);
}

TEST("addresses that one source makes up keep other phones away no longer than as many phones as it may have") {
  Storm storm;
  storm.bounds.of_source = 40;
  fill(storm);
  for (uint64_t i = 0; i < 5'000; ++i) storm.ask(phone_at(0x0101, i));
  CHECK_EQ(storm.told.size(), 5'000u - 40);
  const Source source;
  const uint32_t told = storm.admission.put_off({.key = 1, .source = source, .phone = 7}, storm.bounds, storm.now);
  Storm calm;
  calm.bounds.of_source = 40;
  fill(calm);
  for (uint64_t i = 0; i < 80; ++i) calm.ask(phone_at(0x0101, i));
  CHECK_EQ(told, calm.admission.put_off({.key = 1, .source = source, .phone = 7}, calm.bounds, calm.now));
  // When all is calm, it may have as many again.
  const auto most_told = [&] { return std::max_element(storm.told.begin(), storm.told.end(), [](auto& a, auto& b) { return a.second < b.second; })->second; };
  const uint32_t most = most_told();
  for (uint64_t i = 0; i < 64; ++i) storm.answer(1000 + i);
  while (!storm.go().empty()) storm.answer(storm.sent.back());
  storm.pass(20 * kSecond);
  storm.told.clear();
  fill(storm, 3000);
  for (uint64_t i = 0; i < 5'000; ++i) storm.ask(phone_at(0x0101, 10'000 + i));
  CHECK(most_told() <= most);
}

TEST("whoever calls himself an emergency leaves every second turn to the others, and waits no longer than eight seconds either") {
  for (const uint64_t sources : {1, 10}) {
    Storm storm;
    fill(storm);
    auto flood = [&, next = uint64_t{0}](int size) mutable {
      for (int i = 0; i < size; ++i, ++next) storm.ask(0x0100 + next % sources + (next / sources + 1) * 0x1'0000, Rank::urgent);
    };
    flood(100);
    for (uint64_t i = 0; i < 20; ++i) storm.ask(0x0200 + i, Rank::registered);
    for (uint64_t i = 0; i < 20; ++i) storm.ask(0x0300 + i);
    storm.now += 300 * kMs;
    std::vector<uint64_t> gone;
    for (uint64_t i = 0; i < 32; ++i) {
      storm.answer(1000 + i);
      for (const uint64_t phone : storm.go()) gone.push_back(phone & 0xFF00);
      flood(2);
    }
    CHECK_EQ(std::count(gone.begin(), gone.end(), 0x0100), 16);
    CHECK_EQ(std::count(gone.begin(), gone.end(), 0x0200), 12);
    CHECK_EQ(std::count(gone.begin(), gone.end(), 0x0300), 4);
    // Another one who is in danger is not behind them.
    storm.ask(0x0400, Rank::urgent);
    for (uint64_t i = 32; i < 32 + 2 * sources + 2; ++i) storm.answer(1000 + i);
    const std::vector<uint64_t> last = storm.go();
    CHECK(std::find(last.begin(), last.end(), 0x0400) != last.end());
  }
  Storm slow;
  fill(slow);
  slow.pass(kSecond);
  for (uint64_t i = 0; i < 64; ++i) slow.answer(1000 + i);
  fill(slow, 2000);
  for (uint64_t i = 0; i < 2'000; ++i) slow.ask(0x0101 + ((i + 1) << 16), Rank::urgent);
  CHECK(!slow.told.empty());
  CHECK(slow.told.count(0x0202) == 0);
}

TEST("what an upstream loses of our probes says whether it is late, unless it never answers any") {
  Punctuality one;
  uint64_t now = 100 * kSecond;
  CHECK(!one.is_due(now));
  one.doubt(true);
  uint32_t number = 0;
  const auto lose = [&] {
    one.asked(++number, now);
    now += 600 * kMs;
    return one.is_due(now);
  };
  for (int i = 0; i < 5; ++i) CHECK(lose());
  CHECK(!one.is_late());
  one.asked(++number, now);
  CHECK(!one.is_due(now + 100 * kMs));  // it has time
  one.answered(number - 1, now + 10 * kMs);
  CHECK_EQ(one.proven(), 0u);
  one.answered(number, now + 20 * kMs);
  CHECK_EQ(one.proven(), now);
  CHECK(one.is_late());
  CHECK(!one.is_due(now + 50 * kMs));
  CHECK(one.is_due(now + 150 * kMs));
  one.doubt(false);
  CHECK(!one.is_due(now + kSecond));
  one.doubt(true);
  CHECK(!one.is_late());
  lose();
  CHECK(!one.is_late());
  one.asked(++number, now);
  one.answered(number, now + 600 * kMs);
  CHECK(one.is_late());
}

TEST("what waits is bounded in number for each source and in octets, and the lower ranks leave room for the higher") {
  Storm storm;
  storm.bounds = {80, 1000};  // ten REGISTERs of eight octets
  fill(storm);
  for (uint64_t i = 0; i < 20; ++i) storm.ask(i + 1);
  CHECK_EQ(storm.count(Counter::registers_waiting), 6);
  for (uint64_t i = 0; i < 20; ++i) storm.ask(i + 100, Rank::registered);
  CHECK_EQ(storm.count(Counter::registers_waiting), 10);
  Storm one;
  one.bounds = {1 << 20, 3};
  fill(one);
  for (uint64_t i = 0; i < 10; ++i) one.ask(0x0101'0000 + (i << 16));  // from one address
  CHECK_EQ(one.count(Counter::registers_waiting), 3);
  CHECK_EQ(one.told.size(), 7u);
}

TEST("what waits for a dead upstream, or for longer than a phone does, is let go to be decided again") {
  Storm storm;
  fill(storm);
  storm.ask(1);
  storm.admission.know(0, {.is_alive = false});
  CHECK(storm.go() == std::vector<uint64_t>{1});
  Storm old;
  fill(old);
  old.ask(1);
  for (int i = 0; i < 30; ++i) {
    old.now += kSecond;
    if (!old.go().empty()) break;
  }
  CHECK_EQ(old.told.size(), 1u);
  CHECK_EQ(old.count(Counter::registers_waiting), 0);
}

TEST("when the upstreams change, what waits and what is under way stays with its own, and goes to the first if that is gone") {
  Storm storm;
  fill(storm);
  storm.ask(1);
  storm.ask(2, Rank::first, 1);
  CHECK_EQ(storm.sent.back(), 2u);
  std::array<int, UpstreamSet::kCapacity> from;
  from.fill(-1);
  from[0] = 1;
  storm.admission.rearrange(from, 1);
  storm.now += 300 * kMs;
  CHECK(storm.go().empty());
  for (uint64_t i = 0; i < 64; ++i) storm.answer(1000 + i);
  storm.answer(2);
  CHECK(storm.go() == std::vector<uint64_t>{1});
}

TEST("it says when REGISTERs begin to wait for an upstream, and when none has waited for a while") {
  Storm storm;
  fill(storm);
  storm.ask(1);
  storm.pass(100 * kMs);
  CHECK(storm.events == std::vector<bool>{true});
  storm.answer(1000);
  storm.go();
  storm.pass(10 * kSecond);
  CHECK((storm.events == std::vector<bool>{true, false}));
}

}  // namespace sluice::admission_test
