// Neighbours of a dialog: the mark in our Record-Route that names one, and where it lets a client's requests go.
#include "core/relay/neighbour.h"

#include "shard_rig.h"

namespace sluice::neighbour_test {
using namespace test;

TEST("PX-16.6-4 our Record-Route names the neighbour of a dialog, and the client's requests go there and nowhere else") {
  ShardRig rig([](EdgeConfig& config) { config.home = true; });
  const Peer client = Peer::tcp(rig.port(ShardRig::kClientTcp));
  rig.turn();
  const FlowHandle flow = rig.flow(FlowKind::stream);
  const Peer core = Peer::udp(rig.port(ShardRig::kCoreUdp));
  const Peer elsewhere = Peer::bound(SOCK_DGRAM);
  rig->set_trusted({TrustedNet{address("127.0.0.1", 0), 128}});
  rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
    if (record[kRecord_is_response] || record[kRecord_own_routes] == 0 || record[kRecord_has_to_tag]) return false;
    verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_to_flow);
    verdict[kVerdict_cut_routes] = record[kRecord_own_routes];
    verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_record_route);
    verdict[kVerdict_target] = 0;
    return true;
  };
  core.send(Request{.method = "INVITE", .lines = rig.route_to(flow) + "Contact: <sip:trunk@127.0.0.1:" + std::to_string(core.port()) + ">\r\n"}.text());
  const std::string invite = rig.hear(client, "INVITE sip:");
  std::vector<std::string> routes;
  for (size_t at = invite.find("Record-Route: "); at != std::string::npos; at = invite.find("Record-Route: ", at + 1))
    routes.push_back(invite.substr(at + 14, invite.find("\r\n", at) - at - 14));
  CHECK_EQ(routes.size(), 2u);
  CHECK(!holds(routes[0], ";nb=") && holds(routes[1], ";nb="));
  std::vector<std::vector<int32_t>> seen;
  rig.policy = [&](unsigned, const int32_t* record, int32_t* verdict) {
    if (record[kRecord_is_response]) return false;
    seen.emplace_back(record, record + k_record_fields);
    verdict[kVerdict_action] = static_cast<int32_t>(record[kRecord_headers] & static_cast<int32_t>(kHeader_neighbour) ? Action::relay_to_hop : Action::drop);
    verdict[kVerdict_cut_routes] = record[kRecord_own_routes];
    return true;
  };
  const auto bye = [&](const std::string& uri, const std::string& lines) {
    client.send(Request{.method = "BYE", .number = 2, .transport = "TCP", .lines = lines, .uri = uri}.text());
    const size_t before = seen.size();
    CHECK(rig.until([&] { return seen.size() > before; }));
    return seen.back();
  };
  const std::string route = "Route: " + routes[0] + ", " + routes[1] + "\r\n";
  const std::string there = "sip:trunk@127.0.0.1:" + std::to_string(core.port());
  const std::vector<int32_t> facts = bye(there, route);
  CHECK_EQ(facts[kRecord_own_routes], 2);
  CHECK(facts[kRecord_route_1] & static_cast<int32_t>(kRoute_pair));
  CHECK(facts[kRecord_route_0] & static_cast<int32_t>(kRoute_source));
  CHECK_EQ(facts[kRecord_next_route], static_cast<int32_t>(Hop::trusted));
  CHECK(holds(rig.hear(core, "BYE sip:"), "BYE " + there + " SIP/2.0\r\n"));
  // We resolve no names for clients; and someone else's address is not where the dialog leads.
  bye("sip:trunk@somewhere.example", route);
  rig.hear(core, "BYE sip:trunk@somewhere.example");
  const std::string foreign = "<sip:127.0.0.1:" + std::to_string(elsewhere.port()) + ";lr>";
  CHECK(!(bye(there, "Route: " + routes[0] + ", " + routes[1] + ", " + foreign + "\r\n")[kRecord_headers] & static_cast<int32_t>(kHeader_neighbour)));
  // A mark for another token, and a tampered one.
  std::string tampered = routes[1];
  const size_t mark = tampered.find(";nb=") + 6;
  tampered[mark] = tampered[mark] == 'A' ? 'B' : 'A';
  CHECK(!(bye(there, "Route: " + routes[0] + ", " + tampered + "\r\n")[kRecord_headers] & static_cast<int32_t>(kHeader_neighbour)));
  rig.turn();
  CHECK_EQ(elsewhere.drain(), "");
}

TEST("a neighbour's mark is valid only for its own token, over IPv4 and IPv6") {
  const BranchKeys keys(SipKey{1, 2});
  for (const Neighbour& neighbour : {Neighbour{Transport::tls, address("192.0.2.9", 5071)}, Neighbour{Transport::udp, address("2001:db8::9", 5072)}}) {
    char text[kMaxNeighbourText];
    const std::string value(text, write_neighbour(keys.neighbour, "token", neighbour, text));
    Neighbour read;
    CHECK(read_neighbour(keys.neighbour, "token", value, read));
    CHECK(read.transport == neighbour.transport && read.address == neighbour.address);
    CHECK(!read_neighbour(keys.neighbour, "another", value, read));
    CHECK(!read_neighbour(BranchKeys(SipKey{1, 3}).neighbour, "token", value, read));
    CHECK(!read_neighbour(keys.neighbour, "token", value.substr(1), read));
    CHECK(!read_neighbour(keys.neighbour, "token", "", read));
  }
}

}  // namespace sluice::neighbour_test
