// Via values.
#include "core/sip/via.h"

#include "check.h"

namespace sluice::via_test {
namespace {

bool is_via(Text value) {
  Via via;
  return parse_via(value, via);
}

Via parsed(Text value) {
  Via via;
  CHECK(parse_via(value, via));
  return via;
}

}  // namespace

TEST("GR-18 LWS around slashes, colon, semicolons and equals signs") {
  const Via via = parsed("SIP / 2.0\r\n /\tUDP\r\n   192.0.2.2 : 5070 ;\r\n branch = z9hG4bKx ; rport");
  CHECK_EQ(via.transport, "UDP");
  CHECK_EQ(via.host, "192.0.2.2");
  CHECK_EQ(via.port, 5070);
  CHECK_EQ(via.branch, "z9hG4bKx");
  CHECK(via.has_rport);
  CHECK_EQ(via.rport_param, "; rport");
  CHECK_EQ(via.params, ";\r\n branch = z9hG4bKx ; rport");
}

TEST("GR-18 several values on one line") {
  Text list = "SIP/2.0/TCP a.example ;branch = x , SIP/2.0/UDP b.example;p=\",\",SIP/2.0/TLS c.example";
  Via via;
  CHECK(take_via(list, via));
  CHECK_EQ(via.value, "SIP/2.0/TCP a.example ;branch = x");
  CHECK(list[0] == ',');
  list.remove_prefix(1);
  CHECK(take_via(list, via));
  CHECK_EQ(via.value, "SIP/2.0/UDP b.example;p=\",\"");
  CHECK(via.branch.empty());
  list.remove_prefix(1);
  CHECK(take_via(list, via));
  CHECK_EQ(via.host, "c.example");
  CHECK(list.empty());
}

TEST("GR-19 parameters: quoted values, hosts, IPv6, unknown ones, no value") {
  const Via via = parsed("SIP/2.0/WSS x.invalid;q=\"a;b,c\";received=[2001:db8::9];maddr=m.example;ttl=16;odd;alias;rport=49152;keep=30;branch=b");
  CHECK_EQ(via.received, "[2001:db8::9]");
  CHECK_EQ(via.received_param, ";received=[2001:db8::9]");
  CHECK_EQ(via.maddr, "m.example");
  CHECK_EQ(via.rport, 49152);
  CHECK_EQ(via.rport_param, ";rport=49152");
  CHECK(via.has_keep && via.keep_has_value);
  CHECK_EQ(via.keep_param, ";keep=30");
  CHECK_EQ(via.branch, "b");
  const Via bare = parsed("SIP/2.0/UDP h;keep");
  CHECK(bare.has_keep && !bare.keep_has_value && !bare.has_rport);
}

TEST("T6-5 received with and without brackets") {
  CHECK_EQ(parsed("SIP/2.0/UDP h;received=2001:db8::9:255;branch=b").received, "2001:db8::9:255");
  CHECK_EQ(parsed("SIP/2.0/UDP h;received=[2001:db8::9:255];branch=b").received, "[2001:db8::9:255]");
}

TEST("T6-1 T6-9 T6-11 IPv6 in sent-by") {
  const Via via = parsed("SIP/2.0/UDP [2001:db8::9:1]:5080;branch=b");
  CHECK_EQ(via.host, "[2001:db8::9:1]");
  CHECK_EQ(via.port, 5080);
  CHECK(is_via("SIP/2.0/UDP [2001:db8:::192.0.2.1]"));
  for (Text bad : {"SIP/2.0/UDP 2001:db8::9:1", "SIP/2.0/UDP [fe80::1%eth0]", "SIP/2.0/UDP [::1", "SIP/2.0/UDP ::1"}) CHECK(!is_via(bad));
}

TEST("GR-29 unknown transports and all token characters") {
  CHECK_EQ(parsed("SIP/2.0/x-!%*_+`'~. h;branch=-.!%*_+`'~").branch, "-.!%*_+`'~");
  CHECK(is_via("SIP/7.0/UDP h"));
}

TEST("GR-28 TT-33 a branch keeps its case, and the bare cookie is for the scanner to judge") {
  CHECK_EQ(parsed("SIP/2.0/UDP h;BRANCH=Z9HG4BKaB").branch, "Z9HG4BKaB");
  CHECK_EQ(parsed("SIP/2.0/UDP h;branch=z9hG4bK").branch, "z9hG4bK");
}

TEST("TT-14 PX-16.3-1 invalid Via values") {
  for (Text bad : {"", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/2.0/UDPh", "/2.0/UDP h", "SIP//UDP h", "SIP/2.0/ h", "SIP/2.0/UDP h;;", "SIP/2.0/UDP h;", "SIP/2.0/UDP h,",
                   "SIP/2.0/UDP h h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536", "SIP/2.0/UDP h:99999999999", "SIP/2.0/UDP h:5x",
                   "SIP/2.0/UDP h;branch", "SIP/2.0/UDP h;branch=", "SIP/2.0/UDP h;branch=\"x\"", "SIP/2.0/UDP h;branch=a@b", "SIP/2.0/UDP h;x=\"",
                   "SIP/2.0/UDP h\rx", "SIP/2.0/UDP h\r\n;branch=x", "SIP/2.0/UDP h (comment)", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP h;received",
                   "SIP/2.0/UDP .", "SIP/2.0/UDP a..b"})
    CHECK(!is_via(bad));
}

TEST("GR-16 a duplicate of a parameter that affects routing makes a Via invalid") {
  for (Text bad : {"SIP/2.0/UDP h;branch=a;Branch=b", "SIP/2.0/UDP h;received=a;received=b", "SIP/2.0/UDP h;rport;rport=1", "SIP/2.0/UDP h;maddr=a;maddr=a",
                   "SIP/2.0/UDP h;keep;keep=3"})
    CHECK(!is_via(bad));
  CHECK(is_via("SIP/2.0/UDP h;x=1;x=2"));
}

TEST("TT-14 the well-formed part of a faulty value is kept for the response") {
  const auto sound_part = [](Text list) {
    Via via;
    CHECK(!take_via(list, via));
    return via.value;
  };
  CHECK_EQ(sound_part("SIP/2.0/UDP 192.0.2.15;;,;,,"), "SIP/2.0/UDP 192.0.2.15");
  CHECK_EQ(sound_part("SIP/2.0/UDP h;rport;branch=a;branch=b"), "SIP/2.0/UDP h;rport;branch=a");
  CHECK_EQ(sound_part("SIP/2.0/UDP h;branch=a@b"), "SIP/2.0/UDP h");
  CHECK_EQ(sound_part("SIP/2.0/UDP h:0;branch=a"), "");
}

TEST("GR-19 an rport that is not a port counts as empty") {
  for (Text odd : {"SIP/2.0/UDP h;rport=x", "SIP/2.0/UDP h;rport=0", "SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP h;rport=1x"}) {
    CHECK(parsed(odd).has_rport);
    CHECK_EQ(parsed(odd).rport, 0);
  }
}

TEST("GR-32 60,000 octets of Via parameters are read in one pass") {
  std::string text = "SIP/2.0/UDP h";
  for (int i = 0; i < 30000; ++i) text += ";a";
  CHECK_EQ(parsed(text).params.size(), 60000u);
}

}  // namespace sluice::via_test
