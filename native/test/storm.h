// REGISTERs of many phones at one upstream, for the tests of admission.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "check.h"
#include "core/relay/admission.h"

namespace sluice::admission_test {
using namespace test;

constexpr SipKey kSecret{0x0123'4567'89AB'CDEF, 0xFEDC'BA98'7654'3210};

// An upstream that answers so many a second, and phones by number.
class Storm {
 public:
  static Address address_of(uint64_t phone) {
    Address address;
    address.ip[0] = static_cast<uint8_t>(phone >> 8), address.ip[1] = static_cast<uint8_t>(phone);
    return address;
  }
  Rank rank(uint64_t phone) const { return admission.rank_of(static_cast<uint32_t>(phone), address_of(phone), now); }
  void registered(uint64_t phone) {
    const Address from = address_of(phone);
    admission.registered(static_cast<uint32_t>(phone), &from);
  }
  void turned_away(uint64_t phone) { admission.turned_away(static_cast<uint32_t>(phone), address_of(phone), now); }
  void ask(uint64_t phone, Rank rank = Rank::first, uint32_t target = 0) { ask_from(address_of(phone), phone, rank, target); }
  void ask_from(const Address& remote, uint64_t phone, Rank rank = Rank::first, uint32_t target = 0) {
    Source source;
    source.slot = static_cast<uint32_t>(phone);
    source.remote = remote;
    const Admission::Request request{phone, static_cast<int>(target), rank, source, static_cast<uint32_t>(phone)};
    switch (admission.ask(request, now)) {
      case Admission::Answer::send: sent.push_back(phone); return;
      case Admission::Answer::absorb: ++absorbed; return;
      case Admission::Answer::wait:
        if (admission.keep(request, "REGISTER", "", bounds, now)) return;
        break;
      case Admission::Answer::refuse: break;
    }
    told[phone] = admission.put_off(request, bounds, now);
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
inline void fill(Storm& storm, uint64_t first = 1000) {
  storm.ask(999);
  storm.now += kMs;
  storm.answer(999);
  storm.sent.clear();
  for (uint64_t i = 0; i < 64; ++i) storm.ask(first + i);
}

}  // namespace sluice::admission_test
