// Octets that are kept one after the other.
#include "core/base/octet_log.h"

#include <deque>
#include <random>
#include <string>

#include "check.h"

namespace sluice::octet_log_test {

TEST("TR-19 what is kept is the head and the body as one text, and stays as it is") {
  BufferPool pool(64u << 20);
  OctetLog log(pool, 64u << 20);
  const Text first = log.keep("head", "body"), second = log.keep("x", Text());
  CHECK_EQ(first, "headbody");
  CHECK_EQ(second, "x");
  log.give_back(first);
  CHECK_EQ(second, "x");
  log.give_back(second);
}

TEST("TR-19 nothing, and what is too long, is not kept, and nothing of it has to be given back") {
  BufferPool pool(64u << 20);
  OctetLog log(pool, 64u << 20);
  const std::string longest(OctetLog::kMostKept, 'a'), longer(OctetLog::kMostKept + 1, 'a');
  CHECK(log.keep(Text(), Text()).empty());
  CHECK(log.keep(longer, Text()).empty());
  CHECK_EQ(log.pieces(), 0u);
  const Text kept = log.keep(longest, Text());
  CHECK_EQ(kept, Text(longest));
  log.give_back(kept);
  log.give_back(Text());
}

TEST("TR-19 what is kept never takes more pieces than allowed, and one of which nothing is kept any longer serves again or goes back to the system") {
  constexpr size_t kMost = 3;
  BufferPool pool(kMost * OctetLog::kPiece);
  OctetLog log(pool, kMost * OctetLog::kPiece);
  const std::string text(1000, 'k');
  std::deque<Text> kept;
  for (Text one = log.keep(text, Text()); !one.empty(); one = log.keep(text, Text())) kept.push_back(one);
  CHECK_EQ(log.pieces(), kMost);
  CHECK_EQ(pool.left(), 0u);
  CHECK(kept.size() > 3 * 2000);
  // As the first of many thousands goes, its piece stays; as the last one of it goes, there is room for as many.
  const size_t all = kept.size();
  log.give_back(kept.front());
  kept.pop_front();
  CHECK(log.keep(text, Text()).empty());
  while (kept.size() > all * 2 / 3 - 1) log.give_back(kept.front()), kept.pop_front();
  const Text again = log.keep(text, Text());
  CHECK_EQ(again, Text(text));
  log.give_back(again);
  while (!kept.empty()) log.give_back(kept.front()), kept.pop_front();
  CHECK(log.pieces() <= 2);
  CHECK_EQ(pool.lent(), log.pieces() * OctetLog::kPiece);
}

TEST("TR-19 one text that stays in each piece takes no more than the log may have: the rest of the pool is for others") {
  BufferPool pool(64u << 20);
  OctetLog log(pool, 8u << 20);
  const std::string long_text(OctetLog::kMostKept, 'l');
  std::deque<Text> stay;
  for (Text one = log.keep("ringing", Text()); !one.empty(); one = log.keep("ringing", Text())) {
    stay.push_back(one);
    for (int i = 0; i < 8; ++i) log.give_back(log.keep(long_text, Text()));
    if (stay.size() > 1'000'000) break;
    std::deque<Text> go;
    for (int i = 0; i < 8; ++i) go.push_back(log.keep(long_text, Text()));
    for (const Text text : go) log.give_back(text);
  }
  CHECK_EQ(log.pieces(), 4u);
  CHECK_EQ(pool.left(), 56u << 20);
  for (const Text text : stay) log.give_back(text);
}

TEST("TR-19 whatever is kept and given back in whatever order, no two texts overlap") {
  BufferPool pool(8u << 20);
  OctetLog log(pool, 64u << 20);
  std::mt19937 random(11);
  struct Held {
    Text text;
    char mark;
  };
  std::deque<Held> held;
  size_t refused = 0;
  for (int step = 0; step < 60'000; ++step) {
    if (random() % 100 < 55 || held.empty()) {
      const std::string octets(1 + random() % 3000, static_cast<char>(random()));
      const Text text = log.keep(octets, octets);
      if (text.empty()) ++refused;
      else held.push_back({text, octets[0]});
    } else {
      std::swap(held[random() % held.size()], held.front());
      CHECK_EQ(held.front().text.find_first_not_of(held.front().mark), Text::npos);
      log.give_back(held.front().text);
      held.pop_front();
    }
    CHECK(log.pieces() <= 4);
  }
  CHECK(refused > 0);
  for (const Held& one : held) log.give_back(one.text);
}

}  // namespace sluice::octet_log_test
