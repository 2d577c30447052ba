// Bindings and REGISTERs as nodes that share a store write them there, and what comes back: any octets, however damaged.
#include "core/home/shared_saves.h"

#include "bindings.h"
#include "check.h"
#include "core/home/shared_row.h"
#include "shard_rig.h"

namespace sluice::shared_row_test {
using namespace test;

namespace {

std::string row_of(const Binding& binding) {
  std::string octets(most_of_row(binding), '\0');
  Writer out(octets.data(), octets.size());
  put_row(binding, out);
  CHECK(!out.full());
  octets.resize(out.size());
  return octets;
}

bool reads(const std::string& row, KeptBinding& out) {
  // Just as long as it must be, so that a sanitizer sees what is written beyond it.
  std::vector<char> room(room_of_row(row));
  Binding binding;
  if (!read_row(row, room.data(), binding)) return false;
  out = KeptBinding(binding);
  return true;
}

KeptBinding flow_of_all_octets() {
  KeptBinding one = flow_binding("urn:uuid:1", 2, 1'764'400'000'000);
  one.updated = 1'764'396'400'000;
  for (const Part part : {Part::uri, Part::params, Part::call_id, Part::agent}) one[part].clear();
  for (int octet = 0; octet < 256; ++octet) {
    for (const Part part : {Part::call_id, Part::agent}) one[part] += static_cast<char>(octet);
    if (octet < 0x20 || octet == 0x7F) continue;
    for (const Part part : {Part::uri, Part::params}) one[part] += static_cast<char>(octet);
  }
  one[Part::flow] = "u/192.0.2.1/5060/192.0.2.2/5062";
  one[Part::node] = "node-one";
  return one;
}

}  // namespace

TEST("SA-5 a row holds every octet of a binding, in the order of row.ts") {
  KeptBinding kept = flow_of_all_octets();
  kept[Part::path] = "22:<sip:\"\\\x01\xE9\"@edge;lr;ob>3:<b>";
  const std::string row = row_of(kept.view());
  CHECK(holds(row, ",[\"<sip:\\\"\\\\\\u0001\xC3\xA9\\\"@edge;lr;ob>\",\"<b>\"],1000,"));
  KeptBinding again;
  CHECK(reads(row, again));
  CHECK(again == kept);
  KeptBinding plain = plain_binding("h", 5);
  plain[Part::call_id] = "c";
  CHECK_EQ(row_of(plain.view()), "[\"csip>bob>>h>>\",\"c\",1,5,1,null,null,false,null,\"sip:bob@h\",\"\",[],1000,null,false,null]");
  CHECK(reads("[\"k\",\"c\",1,5,1,null,null,false,null,\"sip:a@h\",\"\",[],1000,null]", again));
  CHECK(reads("[\"k\",\"c\",1,5,1,\"f\",null,false,null,\"sip:\\u00E9\\/\",\"\\b\",[\"a\",\"b\"],1000,\"ua\",true,\"n\"]", again));
  CHECK_EQ(again[Part::uri], "sip:\xE9/");
  CHECK_EQ(again[Part::params], "\b");
  CHECK_EQ(again[Part::path], "1:a1:b");
  CHECK_EQ(again.flags, kDirect);
}

TEST("what is no row is none: cut anywhere, with an octet changed, or of characters that no octet stands for") {
  KeptBinding again;
  const std::string row = row_of(flow_of_all_octets().view());
  for (size_t size = 0; size < row.size(); ++size) CHECK(!reads(row.substr(0, size), again));
  for (size_t at = 0; at < row.size(); ++at)
    for (const char c : {'"', '\\', ',', '[', '\xC4', '\0'}) {
      std::string changed = row;
      changed[at] = c;
      // Whatever it says now, nothing is written or read beyond it.
      reads(changed, again);
    }
  for (const char* text : {"\\u0100", "\xC4\x80", "\xE2\x82\xAC", "\xC3", "\\u00g0", "\\x"})
    CHECK(!reads("[\"k\",\"" + std::string(text) + "\",1,5,1,null,null,false,null,\"sip:a@h\",\"\",[],1000,null]", again));
}

TEST("a row whose URI, parameters or Path would begin a header field is none; folding is not one") {
  KeptBinding again;
  const auto with = [](const std::string& uri, const std::string& params, const std::string& path) {
    return "[\"k\",\"c\",1,5,1,null,null,false,null,\"sip:" + uri + "@h\",\"" + params + "\",[\"<sip:e>" + path + "\"],1000,null]";
  };
  CHECK(reads(with("a", ";a\\r\\n ;b", "\\r\\n\\t;c"), again));
  for (const std::string bad : {"\\r\\nX: 1", "\\n", "\\r", "\\u0000", "\\r\\n", "\\n ", "\\r\\n \\r\\nX: 1"}) {
    CHECK(!reads(with(bad, "", ""), again));
    CHECK(!reads(with("a", bad, ""), again));
    CHECK(!reads(with("a", "", bad), again));
  }
  CHECK(!reads(with("\\t", "", ""), again));
}

TEST("outcomes come in order, each with its rows; what is missing or damaged has failed") {
  const std::string row = row_of(plain_binding("h", 5).view());
  const std::string size = std::to_string(row.size()) + ":";
  using Row = SharedOutcomes::Row;
  Binding binding;
  const std::string text = "s2;" + size + row + size + row + "ofpes0;";
  SharedOutcomes all(text);
  CHECK(all.next() == SharedOutcome::saved);
  CHECK(all.next_row(binding) == Row::read);
  // The second one was not asked for.
  for (const SharedOutcome wanted : {SharedOutcome::out_of_order, SharedOutcome::full, SharedOutcome::source_full, SharedOutcome::failed, SharedOutcome::saved}) CHECK(all.next() == wanted);
  CHECK(all.next_row(binding) == Row::none);
  CHECK(all.next() == SharedOutcome::failed);
  SharedOutcomes damaged("s1;3:[\"]o");
  CHECK(damaged.next() == SharedOutcome::saved);
  CHECK(damaged.next_row(binding) == Row::damaged);
  CHECK(damaged.next() == SharedOutcome::out_of_order);
  for (const std::string& begin : {std::string("s"), std::string("s;"), std::string("s1x"), std::string("x"), "s1;99999:" + row, "s1;9999999999:" + row, std::string("s99999999999;")}) {
    const std::string whole = begin + "o";
    SharedOutcomes broken(whole);
    if (broken.next() == SharedOutcome::saved) CHECK(broken.next_row(binding) == Row::damaged);
    CHECK(broken.next() == SharedOutcome::failed);
  }
}

}  // namespace sluice::shared_row_test
