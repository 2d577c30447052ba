// The table of bindings against the simplest possible model, and the records of its changes against the table.
#include <map>

#include "binding_tables.h"
#include "core/home/binding_key.h"

namespace sluice::binding_model_test {
using namespace binding_table_test;

namespace {

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

}  // namespace

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

}  // namespace sluice::binding_model_test
