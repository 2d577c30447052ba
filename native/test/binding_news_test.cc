// What happens to bindings is news, as long as somebody reads it.
#include "binding_tables.h"

namespace sluice::binding_news_test {
using namespace binding_table_test;

TEST("what happens to bindings is news: new, moved, removed, expired, gone with a flow; a refresh is not") {
  BindingTable table(kKey, kBounds, kStart);
  const auto news = [&] {
    BindingNewsQueue::Taken taken = table.news().take();
    std::string kinds;
    for (BindingNews one; taken.list.next(one);) {
      CHECK_EQ(one.aor, "sip:bob@h");
      CHECK(taken.counts[static_cast<size_t>(one.event)] > 0);
      kinds.push_back("rmedgw"[static_cast<size_t>(one.event)]);
    }
    CHECK_EQ(taken.lost + taken.suppressed, 0u);
    return kinds;
  };
  KeptBinding flow = flow_binding("urn:uuid:1", 1, kStart + 10'000);
  flow[Part::flow] = "s/0/1";
  const auto again = [&](uint32_t cseq) {
    flow.cseq = cseq;
    CHECK(save(table, operation("sip:bob@h", kStart, {flow})) == Outcome::saved);
    return news();
  };
  // Before anybody listens, there is none: what a journal restores is old.
  CHECK_EQ(again(1), "");
  table.news().want(true);
  CHECK_EQ(again(2), "");
  flow[Part::flow] = "s/0/2";
  CHECK_EQ(again(3), "m");
  flow[Part::path] = "28:<sip:other@192.0.2.9;lr;ob>";
  CHECK_EQ(again(4), "m");
  // A new Call-ID alone is a new binding in memory, but not for the operator.
  flow[Part::call_id] = "another";
  CHECK_EQ(again(5), "");
  CHECK(save(table, operation("sip:bob@h", kStart, {plain_binding("192.0.2.3", kStart + 5'000)})) == Outcome::saved);
  CHECK_EQ(news(), "r");
  RegisterOperation leaves = operation("sip:bob@h", kStart, {});
  leaves.cseq = 9;
  const std::string key = plain_binding("192.0.2.3", 0)[Part::key];
  leaves.drop.push_back(key);
  CHECK(save(table, leaves) == Outcome::saved);
  CHECK_EQ(news(), "d");
  // The next REGISTER finds the old binding expired.
  CHECK(save(table, operation("sip:bob@h", kStart + 20'000, {plain_binding("192.0.2.3", kStart + 30'000)})) == Outcome::saved);
  CHECK_EQ(news(), "er");
  uint32_t cursor = 0;
  bool more = true;
  while (more) table.expire(kStart + 40'000, 1'000'000'000, cursor, more);
  CHECK_EQ(news(), "e");
  flow.expires = kStart + 90'000;
  CHECK(save(table, operation("sip:bob@h", kStart + 50'000, {flow})) == Outcome::saved);
  CHECK_EQ(table.remove_flow("s/0/2", 500, more), 1u);
  CHECK_EQ(news(), "rg");
  CHECK(save(table, operation("sip:bob@h", kStart + 50'000, {flow})) == Outcome::saved);
  CHECK(table.remove("sip:bob@h", flow[Part::key], kStart + 99'000, BindingEvent::withdrawn));
  CHECK_EQ(news(), "rw");
}

TEST("news of bindings that nobody takes is bounded and counted") {
  BindingTable table(kKey, kBounds, kStart);
  table.news().want(true);
  for (size_t user = 0; user < BindingNewsQueue::kMost + 5; ++user) save(table, operation("sip:" + std::to_string(user) + "@h", kStart, {plain_binding("192.0.2.1", kStart + 10'000)}));
  BindingNewsQueue::Taken taken = table.news().take();
  CHECK_EQ(taken.list.size(), BindingNewsQueue::kMost);
  CHECK_EQ(taken.lost, 5u);
  size_t read = 0;
  for (BindingNews one; taken.list.next(one); ++read) CHECK_EQ(one.aor, "sip:" + std::to_string(read) + "@h");
  CHECK_EQ(read, BindingNewsQueue::kMost);
  taken = table.news().take();
  CHECK_EQ(taken.list.size() + taken.lost, 0u);
}

TEST("while nobody reads the news of bindings they are only counted; one address of record has a share of them") {
  BindingTable table(kKey, kBounds, kStart);
  const auto move = [&](int times) {
    for (int i = 0; i < times; ++i) save(table, operation("sip:bob@h", kStart, {plain_binding("192.0.2." + std::to_string(i % 200), kStart + 10'000)}));
    return table.news().take();
  };
  CHECK_EQ(move(1).counts[0], 0u);
  table.news().want(false);
  for (int i = 0; i < 200; ++i) save(table, operation("sip:" + std::to_string(i) + "@h", kStart, {plain_binding("192.0.2.1", kStart + 10'000)}));
  BindingNewsQueue::Taken taken = table.news().take();
  CHECK(taken.counts[0] == 200 && taken.list.size() == 0 && taken.suppressed == 0);
  table.news().want(true);
  for (int i = 0; i < 100; ++i) {
    save(table, operation("sip:mallory@h", kStart, {plain_binding("192.0.2.1", kStart + 10'000)}));
    table.remove("sip:mallory@h", plain_binding("192.0.2.1", 0)[Part::key], UINT64_MAX, BindingEvent::withdrawn);
  }
  taken = table.news().take();
  CHECK_EQ(taken.list.size() + taken.suppressed, 200u);
  CHECK(taken.list.size() >= 60 && taken.list.size() <= 62);
  CHECK_EQ(taken.counts[0] + taken.counts[5], taken.list.size());
}

TEST("an address of record earns an event every 20 seconds, and those that use nothing up are forgotten first") {
  AorAllowance allowance;
  const auto taken = [&](uint64_t hash, int tries, uint32_t now) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += allowance.takes(hash, now);
    return count;
  };
  constexpr uint64_t kMallory = 7;
  CHECK_EQ(taken(kMallory, 100, 1'000), 60);
  for (uint64_t other = 1; other <= 100'000; ++other) CHECK(allowance.takes(other * 0x9E3779B97F4A7C15, 1'000));
  CHECK_EQ(taken(kMallory, 100, 1'000), 0);
  CHECK_EQ(taken(kMallory, 100, 1'100), 5);
  CHECK_EQ(taken(kMallory, 100, 9'000), 60);
}

}  // namespace sluice::binding_news_test
