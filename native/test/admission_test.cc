// Which REGISTERs go at once, which wait, and when the others come back.
#include "core/relay/admission.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "core/relay/punctuality.h"

namespace sluice::admission_test {
namespace {

constexpr uint64_t kMs = 1'000'000, kSecond = 1'000 * kMs;
constexpr SipKey kSecret{0x0123'4567'89AB'CDEF, 0xFEDC'BA98'7654'3210};

// An upstream that answers so many a second, and phones by number.
class Storm {
 public:
  void ask(uint64_t phone, Rank rank = Rank::first, uint32_t target = 0) {
    Source source;
    source.slot = static_cast<uint32_t>(phone);
    source.remote.ip[0] = static_cast<uint8_t>(phone >> 8), source.remote.ip[1] = static_cast<uint8_t>(phone);
    const Admission::Request request{phone, static_cast<int>(target), rank, source};
    switch (admission.ask(request, now)) {
      case Admission::Answer::send: sent.push_back(phone); return;
      case Admission::Answer::absorb: ++absorbed; return;
      case Admission::Answer::wait:
        if (admission.keep(request, "REGISTER", "", bounds, now)) return;
        break;
      case Admission::Answer::refuse: break;
    }
    told[phone] = admission.put_off(static_cast<uint32_t>(phone), static_cast<int>(target), now);
  }
  void answer(uint64_t phone, bool refused = false) { admission.answered(phone, refused, now); }
  // Those that may go now, in their order.
  std::vector<uint64_t> go() {
    std::vector<uint64_t> gone;
    admission.release(now, [&](const Admission::Waiting& waiting) { return gone.push_back(waiting.source.slot), Admission::LetGo::sent; });
    for (const uint64_t phone : gone) ask(phone);
    return gone;
  }
  void pass(uint64_t time) {
    for (const uint64_t end = now + time; now < end;) {
      now += std::min<uint64_t>(50 * kMs, end - now);
      admission.tick(now, [&](int, bool busy) { events.push_back(busy); });
    }
  }
  int64_t count(Counter which) const { return numbers[static_cast<size_t>(which)]; }

  uint64_t now = 1000 * kSecond;
  int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
  Counters counters{numbers};
  Admission admission{counters, kSecret};
  Admission::Bounds bounds{1 << 20, 1000};
  std::vector<uint64_t> sent;
  std::map<uint64_t, uint32_t> told;
  std::vector<bool> events;
  int absorbed = 0;
};

// 64 newcomers are under way, so nobody else goes at once. The upstream is known to answer in a millisecond.
void fill(Storm& storm, uint64_t first = 1000) {
  storm.ask(999);
  storm.now += kMs;
  storm.answer(999);
  storm.sent.clear();
  for (uint64_t i = 0; i < 64; ++i) storm.ask(first + i);
}

// 500 strangers a second from 20 addresses. The upstream drops what they send, and answers phones in five milliseconds.
struct Siege {
  // `see(ms)` each millisecond.
  template <typename See>
  void pass(int ms, bool probed, See&& see) {
    for (int end = time + ms; time < end; ++time) {
      storm.now += kMs;
      if (time % 2 == 0) ++strangers, storm.ask(strangers << 16 | strangers % 20);
      see(time);
      storm.go();
      for (; seen < storm.sent.size(); ++seen)
        if (is_phone(storm.sent[seen])) under_way.push_back({time + 5, storm.sent[seen]});
      while (!under_way.empty() && under_way.front().first <= time) {
        const uint64_t phone = under_way.front().second;
        under_way.erase(under_way.begin());
        storm.answer(phone);
        longest = std::max(longest, time - came[phone]);
        ++in;
      }
      if (time % 50 != 0) continue;
      storm.pass(0);
      storm.admission.tick(storm.now, [](int, bool) {});
      if (probed && storm.admission.doubts(0)) storm.admission.know(0, {true, false, storm.now - 5 * kMs});
    }
  }
  void phone(uint64_t number) {
    const uint64_t key = 0xFFFF'0000 + 1000 + number;
    came[key] = time;
    storm.ask(key);
  }
  static bool is_phone(uint64_t key) { return key >= 0xFFFF'0000; }
  int told() const {
    return static_cast<int>(std::count_if(storm.told.begin(), storm.told.end(), [](const auto& one) { return is_phone(one.first); }));
  }

  Storm storm;
  int time = 0, longest = 0, in = 0;
  uint64_t strangers = 0;
  size_t seen = 0;
  std::map<uint64_t, int> came;
  std::vector<std::pair<int, uint64_t>> under_way;
};

}  // namespace

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
  storm.admission.registered(4);
  CHECK(storm.admission.rank_of(4, storm.now) == Rank::known);
  CHECK(storm.admission.rank_of(5, storm.now) == Rank::first);
  storm.admission.turned_away(6, storm.now);
  CHECK(storm.admission.rank_of(6, storm.now) == Rank::told);
  fill(storm);
  storm.ask(5);
  storm.ask(4, storm.admission.rank_of(4, storm.now));
  storm.ask(6, storm.admission.rank_of(6, storm.now));
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

TEST("what an upstream never answers, while it answers others in time, takes no room from them and makes the window no smaller") {
  Storm storm;
  for (uint64_t stranger = 0; stranger < 60; ++stranger) storm.ask(5000 + stranger);
  storm.pass(100 * kMs);
  storm.ask(1);
  storm.now += kMs;
  storm.answer(1);
  storm.pass(5 * kSecond);
  CHECK_EQ(storm.count(Counter::registers_unanswered), 60);
  CHECK(storm.count(Counter::register_window) >= 64);
  // The same once more, and late answers to them change nothing either.
  for (uint64_t stranger = 0; stranger < 60; ++stranger) storm.ask(6000 + stranger);
  storm.now += kMs;
  storm.ask(2);
  storm.now += kMs;
  storm.answer(2);
  storm.pass(900 * kMs);
  for (uint64_t stranger = 0; stranger < 60; ++stranger) storm.answer(6000 + stranger);
  storm.sent.clear();
  for (uint64_t phone = 0; phone < 60; ++phone) storm.ask(7000 + phone);
  CHECK_EQ(storm.sent.size(), 60u);
  CHECK_EQ(storm.count(Counter::registers_waiting), 0);
}

TEST("strangers whose REGISTERs an upstream drops keep nobody out: an answered probe proves that it is in time") {
  Siege siege;
  uint64_t phones = 0;
  // The first come when the window has just been filled.
  siege.pass(3000, true, [&](int time) { if (time % 100 == 99) siege.phone(phones++); });
  CHECK(siege.longest <= 700);
  siege.longest = 0;
  siege.pass(30'000, true, [&](int time) { if (time % 100 == 99) siege.phone(phones++); });
  siege.pass(10, true, [](int) {});
  CHECK(siege.longest <= 50);
  CHECK_EQ(siege.in, static_cast<int>(phones));
  CHECK_EQ(siege.told(), 0);
}

TEST("strangers whose REGISTERs an upstream drops keep nobody out: phones that it answers meanwhile prove it too") {
  Siege siege;
  uint64_t phones = 0;
  siege.pass(5000, false, [&](int time) { if (time % 100 == 99) siege.phone(phones++); });
  siege.longest = 0;
  siege.pass(30'000, false, [&](int time) { if (time % 100 == 99) siege.phone(phones++); });
  siege.pass(10, false, [](int) {});
  CHECK(siege.longest <= 300);
  CHECK_EQ(siege.in, static_cast<int>(phones));
  CHECK_EQ(siege.told(), 0);
}

TEST("strangers keep nobody out for long if nothing proves that the upstream is in time") {
  Siege siege;
  uint64_t phones = 0;
  siege.pass(10'000, false, [](int) {});
  siege.pass(40'000, false, [&](int time) { if (time % 1000 == 999) siege.phone(phones++); });
  CHECK(siege.in >= static_cast<int>(phones) - 8);
  CHECK(siege.longest <= 12'000);
}

TEST("a probe that is lost, or a late answer to what was passed over, takes the spare room away") {
  Storm storm;
  uint64_t next = 5000;
  const auto strangers = [&](int count) { for (int i = 0; i < count; ++i) storm.ask(next++); };
  strangers(200);
  storm.pass(400 * kMs);
  storm.admission.know(0, {true, false, storm.now});
  storm.pass(200 * kMs);
  storm.go();
  CHECK_EQ(storm.sent.size(), 200u);
  strangers(200);
  CHECK_EQ(storm.sent.size(), 64u + 64u + 192u);  // three more for each that was passed over
  // It was not dropped but late.
  storm.answer(5000);
  storm.pass(kSecond);
  storm.admission.know(0, {true, true, storm.now - 600 * kMs});
  storm.pass(50 * kMs);
  strangers(500);
  const size_t before = storm.sent.size();
  CHECK(storm.go().size() <= 64u);
  CHECK(storm.sent.size() <= before + 64);
}

TEST("an upstream whose answers to REGISTER are late is overloaded, however quickly it answers probes") {
  // 50 a second, a queue of four seconds, and what does not fit is dropped; OPTIONS is answered by something in front of it.
  Storm storm;
  std::vector<uint64_t> queue;
  uint64_t next = 1000;
  size_t seen = 0;
  int dropped = 0;
  const auto second = [&] {
    for (int ms = 0; ms < 1000; ++ms) {
      storm.now += kMs;
      if (ms % 6 == 0) storm.ask(next++);
      for (; seen < storm.sent.size(); ++seen) {
        if (queue.size() < 200) queue.push_back(storm.sent[seen]);
        else ++dropped;
      }
      if (ms % 20 == 0 && !queue.empty()) {
        storm.answer(queue.front());
        queue.erase(queue.begin());
        storm.go();
      }
      if (ms % 50 != 0) continue;
      storm.admission.tick(storm.now, [](int, bool) {});
      storm.admission.know(0, {true, false, storm.now - 5 * kMs});
      storm.go();
    }
  };
  for (int i = 0; i < 30; ++i) second();
  dropped = 0;
  const size_t before = storm.sent.size();
  for (int i = 0; i < 60; ++i) second();
  CHECK(dropped <= 60);
  CHECK(storm.sent.size() - before <= 60u * 60u);
  CHECK(storm.sent.size() - before >= 60u * 40u);
}

TEST("a phone that was told when to come back is forgotten after those that were only registered") {
  PhoneMemory memory;
  // All in one line of eight.
  const auto phone = [](uint32_t i) { return (i + 1) << 21; };
  for (uint32_t i = 0; i < 6; ++i) memory.told(phone(i), 100);
  for (uint32_t i = 6; i < 40; ++i) memory.registered(phone(i));
  for (uint32_t i = 0; i < 6; ++i) CHECK_EQ(memory.comes_back(phone(i)), 100u);
  for (uint32_t i = 40; i < 60; ++i) memory.told(phone(i), 200);
  CHECK_EQ(memory.comes_back(phone(59)), 200u);
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

TEST("phones beyond four seconds of work are told when to come back, spread over the backlog, and one that comes too early is told the same") {
  Storm storm;
  fill(storm);
  // It answers 100 a second: each of them after 0.6 s.
  uint64_t phone = 10'000;
  for (int i = 0; i < 600; ++i) storm.ask(phone++);
  for (int i = 0; i < 300; ++i) {
    storm.pass(10 * kMs);
    storm.answer(storm.sent[static_cast<size_t>(i)]);
    storm.go();
  }
  CHECK(storm.told.empty());
  const uint64_t newcomers = phone;
  for (int i = 0; i < 1000; ++i) storm.ask(phone++);
  CHECK(storm.told.size() > 700);
  std::map<uint32_t, int> spread;
  for (const auto& [who, seconds] : storm.told) ++spread[seconds];
  // About a hundred for each second, from the end of the backlog on.
  CHECK(spread.begin()->first >= 2 && spread.rbegin()->first <= 20);
  for (const auto& [seconds, count] : spread) CHECK(count <= 150);
  const auto [who, seconds] = *storm.told.rbegin();
  CHECK(who > newcomers);
  storm.pass(kSecond);
  storm.ask(who);
  CHECK_EQ(storm.told[who], seconds - 1);
  CHECK(storm.admission.rank_of(static_cast<uint32_t>(who), storm.now) == Rank::first);
  storm.pass((seconds - 1) * kSecond);
  CHECK(storm.admission.rank_of(static_cast<uint32_t>(who), storm.now) == Rank::told);
  // Newcomers would have to wait too long: they are left to the kernel.
  CHECK(storm.admission.accepts() != UINT32_MAX);
}

TEST("an upstream that answers 503 gets no more than it has just done, and all of it again when it bears that") {
  Storm storm;
  uint64_t phone = 1;
  size_t answered = 0;
  const auto second = [&](int bears) {
    const size_t before = storm.sent.size();
    for (int tenth = 0; tenth < 10; ++tenth) {
      for (int i = 0; i < 200; ++i) storm.ask(phone++);
      for (int i = 0, left = bears / 10; i < 2; ++i) {
        storm.pass(50 * kMs);
        storm.go();
        while (answered < storm.sent.size()) storm.answer(storm.sent[answered++], left-- <= 0);
      }
    }
    return storm.sent.size() - before;
  };
  for (int i = 0; i < 5; ++i) second(500);
  const size_t paced = second(500) + second(500);
  CHECK(paced > 700 && paced < 1200);
  for (int i = 0; i < 3; ++i) second(100'000);
  CHECK(second(100'000) > 1000);
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
