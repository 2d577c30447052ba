// What an upstream never answers, answers late or refuses: strangers keep nobody out, and an overloaded upstream gets less.
#include "core/relay/admission.h"
#include "storm.h"

namespace sluice::admission_unanswered_test {
using namespace admission_test;

namespace {

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
  storm.pass(50 * kMs);
  CHECK_EQ(storm.count(Counter::registers_passed), 64);
  CHECK_EQ(storm.count(Counter::register_sources), 0);
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
  CHECK(storm.rank(who) == Rank::first);
  storm.pass((seconds - 1) * kSecond);
  CHECK(storm.rank(who) == Rank::told);
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

}  // namespace sluice::admission_unanswered_test
