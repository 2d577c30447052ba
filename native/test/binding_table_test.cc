// Tests the table of bindings against the simplest possible model, and the records of its changes against the table.
#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "bindings.h"
#include "check.h"
#include "core/home/past_flows.h"
#include "core/home/binding_key.h"

namespace sluice::binding_table_test {
using namespace test;

namespace {

constexpr SipKey kKey{1, 2};
constexpr TableBounds kBounds{100'000, 64 << 20};
constexpr uint64_t kStart = 1'700'000'000'000;

// Keeps the records of the table's changes.
struct Log final : ChangeLog {
  std::string records;
  uint64_t lost_before = 0;
  void append(Text record) noexcept override { records.append(record); }
  bool has(uint64_t name) const noexcept override { return name >= lost_before; }
};

void replay(BindingTable& table, Text records) {
  RecordReader reader;
  while (!records.empty()) {
    const bool is_whole = reader.read(records) == RecordReader::Result::whole;
    CHECK(is_whole);
    if (!is_whole) return;
    CHECK(reader.is_end() || table.restore(reader));
    records.remove_prefix(reader.size());
  }
}

std::vector<KeptBinding> sorted(std::vector<KeptBinding> all) {
  std::sort(all.begin(), all.end());
  return all;
}

// RFC 3261 10.3 steps 6 and 7 in a few lines.
class Model {
 public:
  Outcome save(const std::string& aor, const RegisterOperation& operation) {
    std::vector<KeptBinding> alive = lookup(aor, operation.now);
    const auto names = [&](const KeptBinding& one, Text key) { return same_binding(one[Part::key], key); };
    const auto dropped = [&](const KeptBinding& one) {
      return operation.everything || std::any_of(operation.drop.begin(), operation.drop.end(), [&](Text key) { return names(one, key); });
    };
    for (const KeptBinding& one : alive) {
      const bool put = std::any_of(operation.put.begin(), operation.put.end(), [&](const Binding& other) { return names(one, other[Part::key]); });
      if ((dropped(one) || put) && one[Part::call_id] == operation.call_id && operation.cseq <= one.cseq) return Outcome::out_of_order;
    }
    std::vector<KeptBinding> after;
    for (const KeptBinding& one : alive)
      if (!dropped(one)) after.push_back(one);
    for (const Binding& put : operation.put) {
      std::erase_if(after, [&](const KeptBinding& one) { return names(one, put[Part::key]); });
      after.emplace_back(put);
    }
    if (after.size() > operation.max_contacts && after.size() > alive.size()) return Outcome::full;
    for (const Binding& put : operation.put) {
      const auto flows = [&](const std::vector<KeptBinding>& all) {
        return std::count_if(all.begin(), all.end(), [&](const KeptBinding& one) { return (one.flags & kOutbound) != 0 && one[Part::instance] == put[Part::instance]; });
      };
      if (put.outbound() && flows(after) > operation.max_flows && flows(after) > flows(alive)) return Outcome::full;
    }
    all_[aor] = after;
    return Outcome::saved;
  }
  std::vector<KeptBinding> lookup(const std::string& aor, uint64_t now) {
    std::vector<KeptBinding> alive;
    for (const KeptBinding& one : all_[aor])
      if (one.expires > now) alive.push_back(one);
    return alive;
  }
  void remove(const std::string& aor, Text key, uint64_t seen) {
    std::erase_if(all_[aor], [&](const KeptBinding& one) { return one[Part::key] == key && one.updated <= seen; });
  }
  void remove_flow(Text flow) {
    for (auto& [aor, bindings] : all_) std::erase_if(bindings, [&](const KeptBinding& one) { return one[Part::flow] == flow && (one.flags & kDirect) == 0; });
  }

 private:
  std::map<std::string, std::vector<KeptBinding>> all_;
};

struct Dice {
  std::mt19937 engine;
  uint32_t operator()(uint32_t sides) { return static_cast<uint32_t>(engine() % sides); }
};

KeptBinding any_binding(Dice& dice, uint64_t now) {
  const uint64_t expires = now + dice(4) * 40;  // some have expired
  const uint32_t cseq = 1 + dice(8);
  KeptBinding one = dice(2) == 0 ? plain_binding("192.0.2." + std::to_string(dice(4)), expires, cseq) : flow_binding("urn:x:" + std::to_string(dice(2)), 1 + dice(3), expires, cseq);
  if (dice(3) == 0) one[Part::key] += " ob= x=" + std::to_string(dice(2));
  if (dice(2) == 0) one[Part::flow] = "s/0/" + std::to_string(dice(3));
  if (dice(4) == 0) one.flags |= kDirect;
  if (dice(8) == 0) one[Part::agent] = std::string(dice(3'000), 'a');
  one.payer = static_cast<uint16_t>(dice(3));
  one[Part::call_id] = "call" + std::to_string(dice(2));
  one.updated = now;
  return one;
}

size_t expire_all(BindingTable& table, uint64_t now) {
  uint32_t cursor = 0;
  size_t removed = 0;
  // The shortest possible slices.
  for (bool more = true; more;) removed += table.expire(now, 1, cursor, more);
  return removed;
}

}  // namespace

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

TEST("REG-13 REG-14 the table behaves like the model, and replaying its records yields the same bindings") {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Dice dice{std::mt19937(seed)};
    BindingTable table(kKey, kBounds, kStart);
    Log log;
    table.set_log(&log);
    Model model;
    std::string snapshot;
    size_t snapshot_at = 0;
    uint64_t now = kStart;
    const std::string aors[] = {"sip:a@h", "sip:b@h", "sip:c@h"};
    for (int step = 0; step < 200; ++step) {
      now += dice(20);
      const std::string& aor = aors[dice(3)];
      switch (dice(12)) {
        case 0: {
          const KeptBinding one = any_binding(dice, now);
          table.remove(aor, one[Part::key], now - 5);
          model.remove(aor, one[Part::key], now - 5);
          break;
        }
        case 1: {
          const std::string flow = "s/0/" + std::to_string(dice(3));
          // Expired bindings count as long as they exist.
          bool more = true;
          while (more) table.remove_flow(flow, 1, more);
          model.remove_flow(flow);
          expire_all(table, now);
          break;
        }
        case 2:
          if (dice(4) == 0) {
            log.lost_before = table.next_lsn();
            break;
          }
          // A snapshot in the middle of everything.
          snapshot.clear();
          snapshot_at = log.records.size();
          for (BindingTable::Walk walk; table.copy_some(walk, snapshot);) {
          }
          break;
        default: {
          std::vector<KeptBinding> put;
          for (uint32_t count = dice(4); count > 0; --count) put.push_back(any_binding(dice, now));
          RegisterOperation one = operation(aor, now, put);
          std::string keys[2];
          for (uint32_t i = dice(3); i > 0; --i) one.drop.push_back(keys[i - 1] = any_binding(dice, now)[Part::key]);
          if (dice(10) == 0) {
            one.everything = true;
            one.put.clear();
            one.drop.clear();
          }
          one.cseq = 1 + dice(8);
          one.max_contacts = 1 + dice(6);
          one.max_flows = 1 + dice(3);
          Found after;
          const Outcome outcome = table.save(one, after);
          CHECK(outcome == model.save(aor, one));
          if (outcome == Outcome::saved) CHECK(!one.put.empty() || after.bindings == model.lookup(aor, now));
        }
      }
      for (const std::string& each : aors) CHECK(sorted(lookup(table, each, now)) == sorted(model.lookup(each, now)));
    }
    BindingTable from_log(kKey, kBounds, now);
    replay(from_log, log.records);
    BindingTable from_snapshot(kKey, kBounds, now);
    replay(from_snapshot, snapshot);
    replay(from_snapshot, Text(log.records).substr(snapshot_at));
    // Records from before the snapshot change nothing, as when a crash has left their file in place.
    BindingTable from_both(kKey, kBounds, now);
    replay(from_both, snapshot);
    replay(from_both, log.records);
    for (const std::string& each : aors)
      for (BindingTable* copy : {&from_log, &from_snapshot, &from_both}) CHECK(sorted(lookup(*copy, each, now)) == sorted(model.lookup(each, now)));
    CHECK(from_log.next_lsn() >= table.next_lsn() || log.records.empty());
    expire_all(table, now + 1'000'000);
    CHECK_EQ(table.bindings(), 0u);
    CHECK_EQ(table.addresses(), 0u);
    CHECK_EQ(table.octets(), 0u);
  }
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
