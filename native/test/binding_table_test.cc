// The table of bindings: what it keeps, how long, and what happens to it while others look.
#include <thread>

#include "binding_tables.h"
#include "core/home/past_flows.h"

namespace sluice::binding_table_test {
using namespace test;

TEST("a binding comes back exactly as it was saved, and takes as few octets as possible") {
  BindingTable table(kKey, kBounds, kStart);
  KeptBinding whole = flow_binding("urn:uuid:1", 4'294'967'295u, kStart + 1'000);
  whole[Part::flow] = "s/1/2";
  whole[Part::agent] = std::string(300, '\xff');
  whole[Part::node] = "node-one";
  KeptBinding bare = plain_binding("192.0.2.7", kStart + 1);
  CHECK(save(table, operation("sip:bob@a", kStart, {whole, bare})) == Outcome::saved);
  CHECK((lookup(table, "sip:bob@a", kStart) == std::vector<KeptBinding>{whole, bare}));
  CHECK((lookup(table, "sip:bob@a", kStart + 1) == std::vector<KeptBinding>{whole}));
  CHECK(lookup(table, "sip:bob@b", kStart).empty());
  CHECK(table.octets() < 1'000);
}

TEST("REG-21 the wheels free expired bindings and nothing else, whatever was refreshed meanwhile") {
  BindingTable table(kKey, kBounds, kStart);
  for (uint32_t user = 0; user < 1'000; ++user) save(table, operation("sip:" + std::to_string(user) + "@h", kStart, {plain_binding("192.0.2.1", kStart + 1'000 + user)}));
  for (uint32_t user = 0; user < 500; ++user) save(table, operation("sip:" + std::to_string(user) + "@h", kStart + 500, {plain_binding("192.0.2.1", kStart + 9'000, 2)}));
  for (uint32_t user = 500; user < 600; ++user) save(table, operation("sip:" + std::to_string(user) + "@h", kStart + 500, {plain_binding("192.0.2.1", kStart + 600, 2)}));
  CHECK_EQ(expire_all(table, kStart + 700), 100u);
  CHECK_EQ(expire_all(table, kStart + 3'000), 400u);
  CHECK_EQ(table.bindings(), 500u);
  CHECK_EQ(expire_all(table, kStart + 8'000), 0u);
  // Beyond the longest delay of a wheel.
  save(table, operation("sip:far@h", kStart + 8'000, {plain_binding("192.0.2.1", kStart + uint64_t{40} * 86'400'000)}));
  CHECK_EQ(expire_all(table, kStart + 9'100), 500u);
  for (uint64_t day = 1; day < 40; ++day) CHECK_EQ(expire_all(table, kStart + day * 86'400'000), 0u);
  CHECK_EQ(expire_all(table, kStart + uint64_t{40} * 86'400'000 + 100), 1u);
}

TEST("texts of 256 octets or more, and an instance far behind in the parameters, are kept whole, in the journal too") {
  Log log;
  BindingTable table(kKey, kBounds, kStart);
  table.set_log(&log);
  const std::string instance = "urn:uuid:" + std::string(300, '7');
  KeptBinding long_one = flow_binding(instance, 1, kStart + 10'000);
  for (const Part part : {Part::uri, Part::path, Part::agent, Part::call_id}) long_one[part] = std::string(255 + static_cast<size_t>(part), 'x');
  KeptBinding far = flow_binding("urn:uuid:2", 2, kStart + 10'000);
  far[Part::params] = ";a=" + std::string(251, 'y') + ";+sip.instance=\"<urn:uuid:2>\"";
  KeptBinding near = flow_binding("urn:uuid:3", 3, kStart + 10'000);
  near[Part::params] = ";a=" + std::string(200, 'y') + ";+sip.instance=\"<urn:uuid:3>\"";
  const std::vector<KeptBinding> all{long_one, far, near};
  CHECK(save(table, operation("sip:bob@h", kStart, all)) == Outcome::saved);
  BindingTable again(table.key(), kBounds, kStart);
  replay(again, log.records);
  for (BindingTable* const each : {&table, &again}) CHECK(sorted(lookup(*each, "sip:bob@h", kStart)) == sorted(all));
}

TEST("OB-7-13 a flow with 20,000 bindings of as many addresses ends slice by slice") {
  BindingTable table(kKey, kBounds, kStart);
  KeptBinding one = plain_binding("192.0.2.1", kStart + 10'000);
  one[Part::flow] = "s/0/1";
  for (int user = 0; user < 20'000; ++user) save(table, operation("sip:" + std::to_string(user) + "@h", kStart, {one}));
  one[Part::flow] = "s/0/2";
  one.cseq = 2;
  save(table, operation("sip:7@h", kStart, {one}));
  bool more = true;
  size_t removed = 0;
  for (size_t slices = 0; more; ++slices) {
    const size_t gone = table.remove_flow("s/0/1", 500, more);
    CHECK(gone <= 600);
    removed += gone;
  }
  CHECK_EQ(removed, 19'999u);
  CHECK_EQ(table.bindings(), 1u);
  CHECK_EQ(table.remove_flow("s/0/2", 500, more), 1u);
}

TEST("threads that save, look up, end flows, expire and copy concurrently lose nothing") {
  BindingTable table(kKey, kBounds, kStart);
  std::atomic<bool> stop{false};
  const auto aor = [](int thread, int user) { return "sip:" + std::to_string(thread) + "-" + std::to_string(user) + "@h"; };
  const auto register_all = [&](int thread) {
    for (uint32_t round = 1; round <= 20; ++round)
      for (int user = 0; user < 200; ++user) {
        KeptBinding one = plain_binding("192.0.2.1", kStart + 1'000'000, round);
        one[Part::flow] = "s/" + std::to_string(user % 5);
        one[Part::agent] = std::string(round * 7, 'a');
        CHECK(save(table, operation(aor(thread, user), kStart, {one})) == Outcome::saved);
        CHECK(lookup(table, aor(thread, user), kStart).size() <= 1);
      }
  };
  std::thread disturber([&] {
    std::string copy;
    while (!stop) {
      bool more = true;
      while (more) table.remove_flow("s/4", 50, more);
      uint32_t cursor = 0;
      table.expire(kStart + 100, 1'000'000, cursor, more);
      copy.clear();
      for (BindingTable::Walk walk; table.copy_some(walk, copy);) {
      }
    }
  });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) threads.emplace_back(register_all, thread);
  for (std::thread& thread : threads) thread.join();
  stop = true;
  disturber.join();
  for (int thread = 0; thread < 3; ++thread)
    for (int user = 0; user < 200; ++user)
      if (user % 5 != 4) CHECK_EQ(lookup(table, aor(thread, user), kStart).size(), 1u);
}

TEST("a walk in pieces meets every entry that stays, whatever comes and goes in between") {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    Dice dice{std::mt19937(seed)};
    BindingTable table(kKey, kBounds, kStart);
    const auto aor = [](uint32_t user) { return "sip:" + std::to_string(user) + "@h"; };
    // Every third stays.
    for (uint32_t user = 0; user < 3'000; ++user) save(table, operation(aor(user), kStart, {plain_binding("192.0.2.1", kStart + 10)}));
    std::string copy;
    for (BindingTable::Walk walk; table.copy_some(walk, copy);) {
      for (int change = 0; change < 40; ++change) {
        const uint32_t user = dice(6'000);
        if (user % 3 == 0) continue;
        if (dice(2) == 0) table.remove(aor(user), plain_binding("192.0.2.1", 0)[Part::key], UINT64_MAX);
        else save(table, operation(aor(user), kStart, {plain_binding("192.0.2.1", kStart + 10, 2 + dice(1'000))}));
      }
    }
    BindingTable restored(kKey, kBounds, kStart);
    replay(restored, copy);
    for (uint32_t user = 0; user < 3'000; user += 3) CHECK_EQ(lookup(restored, aor(user), kStart).size(), 1u);
  }
}

TEST("OB-11-3 after a restart we know who registered over which connection, and bindings that only a connection kept alive are gone") {
  constexpr uint64_t kTime = 1'700'000'000'000;
  BindingTable table(SipKey{3, 4}, TableBounds{1'000, 16 << 20}, kTime);
  KeptBinding phone = flow_binding("urn:x:1", 1, kTime + 10'000), plain = plain_binding("192.0.2.7", kTime + 10'000), direct = plain_binding("192.0.2.8", kTime + 10'000);
  KeptBinding datagrams = plain_binding("192.0.2.9", kTime + 10'000);
  phone[Part::flow] = "s/1/2/777/4711/9";
  plain[Part::flow] = "s/1/2/777/4712/9";
  direct[Part::flow] = "s/1/2/777/4713/9";
  direct.flags |= kDirect;
  datagrams[Part::flow] = "u/192.0.2.1/5060/192.0.2.9/5060";
  save(table, operation("sip:b\xf6" "b@h", kTime, {phone, plain, direct, datagrams}));
  FlowOwners owners(SipKey{1, 2}, 1 << 20);
  CHECK_EQ(learn_past_flows(table, owners), size_t{3});
  FlowName flow;
  flow.shard = 2;
  flow.boot = 777;
  flow.slot = 4711;
  flow.generation = 9;
  CHECK_EQ(owners.find(flow), "sip:b\xc3\xb6" "b@h\nurn:x:1\n" + phone[Part::key]);
  flow.slot = 4712;
  CHECK_EQ(owners.find(flow), "sip:b\xc3\xb6" "b@h\n\n" + plain[Part::key]);
  flow.boot = 778;
  CHECK_EQ(owners.find(flow), "");
  const std::vector<KeptBinding> left = lookup(table, "sip:b\xf6" "b@h", kTime);
  CHECK_EQ(left.size(), size_t{3});
  for (const KeptBinding& one : left) CHECK(one[Part::key] != plain[Part::key]);
}

}  // namespace sluice::binding_table_test
