// SIP and other URIs: which texts are URIs, and what their parts are.
#include "core/sip/uri.h"

#include <string>
#include <utility>

#include "check.h"

namespace sluice::uri_test {
namespace {

bool is_uri(Text text) {
  Uri uri;
  return parse_uri(text, uri);
}

Uri parsed(Text text) {
  Uri uri;
  CHECK(parse_uri(text, uri));
  return uri;
}

}  // namespace

TEST("GR-13 the user part may contain characters that separate elsewhere, and ends at the @") {
  const Uri uri = parsed("sip:a;b?c/d,e@example.net");
  CHECK_EQ(uri.user, "a;b?c/d,e");
  CHECK_EQ(uri.host, "example.net");
  CHECK(uri.params.empty());
  CHECK(uri.headers.empty());
  CHECK_EQ(parsed("sip:x&y=1+2$3@h;lr").user, "x&y=1+2$3");
  CHECK_EQ(parsed("sip:x;lr@h;ob").params, ";ob");
  CHECK(!is_uri("sip:a@b@c"));
  CHECK(!is_uri("sip:@h"));
  CHECK_EQ(parsed("sip:h;x=a@b").user, "h;x=a");
}

TEST("GR-13 two dots in a row are found wherever they are in a host of any length") {
  for (const char* before : {"sip:", "sip:desk114@"}) {
    for (size_t size = 1; size <= 40; ++size) {
      const std::string host(size, 'h');
      const std::string sound = before + host;
      CHECK_EQ(parsed(sound).host, host);
      for (size_t at = 1; at + 1 < size; ++at) {
        std::string one = host;
        one[at] = '.';
        CHECK_EQ(parsed(before + one + ";lr").host, one);
        std::string two = one;
        two[at + 1] = '.';
        CHECK(!is_uri(before + two));
        CHECK(!is_uri(before + two + ";lr;transport=tcp"));
      }
    }
  }
  // Those of the user part are none of the host's.
  CHECK_EQ(parsed("sip:a..b@example.net").user, "a..b");
}

TEST("GR-13 a port is read alike whether little or much follows it") {
  for (const char* behind : {"", ";", ";lr", ";transport=tcp"}) {
    const bool sound = std::string(behind) != ";";
    for (const auto& [digits, port] : {std::pair{"1", 1}, {"5060", 5060}, {"65535", 65535}, {"0005060", 5060}, {"00005060", 5060}, {"0000000005060", 5060}}) {
      const std::string text = std::string("sip:h:") + digits + behind;
      CHECK_EQ(is_uri(text), sound);
      if (sound) CHECK_EQ(parsed(text).port, port);
    }
    for (const char* digits : {"", "65536", "99999", "100000", "9999999", "99999999", "4294967297", "18446744073709556676", "5060a", "50:60", "-1"})
      CHECK(!is_uri(std::string("sip:h:") + digits + behind));
  }
}

TEST("GR-14 password and escapes") {
  const Uri uri = parsed("sip:a%40b:c%3A@example.net:5080");
  CHECK_EQ(uri.user, "a%40b");
  CHECK_EQ(uri.password, "c%3A");
  CHECK_EQ(uri.port, 5080);
  CHECK_EQ(parsed("sip:nul%00l@h").user, "nul%00l");
  CHECK_EQ(parsed("sip:u:@h").password, "");
  for (Text bad : {"sip:a%@h", "sip:a%4@h", "sip:a%4g@h", "sip:a%", "sip:u@h;p=%2", "sip:a:b:c@h", "sip:u@%65h"}) CHECK(!is_uri(bad));
}

TEST("GR-15 other schemes need only be well formed") {
  CHECK_EQ(parsed("tel:+49-30-5550100;phone-context=x").scheme, Scheme::tel);
  CHECK_EQ(parsed("urn:service:sos.fire").scheme, Scheme::urn);
  CHECK_EQ(parsed("URN:service:sos").scheme, Scheme::urn);
  CHECK_EQ(parsed("SIPS:h").scheme, Scheme::sips);
  CHECK_EQ(parsed("Sip:h").scheme, Scheme::sip);
  for (Text other : {"im:a@b", "http://h/p?q=1;2", "isbn:2983792873", "a+b-c.d:x"})
    CHECK_EQ(parsed(other).scheme, Scheme::other);
  for (Text bad : {"", ":", "sip", "sip:", "tel:", "1x:y", ":x", "a b:c", "http:a b", "x:<y>", "x:\"", "x:\x01", "x:\x7f", "<sip:h>", " sip:h"})
    CHECK(!is_uri(bad));
}

TEST("GR-16 parameters in any case, without a value, and duplicates") {
  const Uri uri = parsed("sip:h;LR;Transport=TCP;x-y=[1]/:&+$;maddr=192.0.2.1");
  Text value = "unset";
  CHECK(find_uri_param(uri.params, "lr", &value));
  CHECK(value.empty());
  CHECK(find_uri_param(uri.params, "transport", &value));
  CHECK_EQ(value, "TCP");
  CHECK(find_uri_param(uri.params, "MADDR", &value));
  CHECK_EQ(value, "192.0.2.1");
  CHECK(!find_uri_param(uri.params, "l", &value));
  CHECK(!find_uri_param(uri.params, "transpor", nullptr));
  CHECK(!find_uri_param("", "lr", nullptr));
  for (Text bad : {"sip:h;", "sip:h;;lr", "sip:h;=x", "sip:h;x=", "sip:h;lr;LR", "sip:h;transport=tcp;Transport=udp", "sip:h;ob;x;ob", "sip:h;a b",
                   "sip:h;x=\"q\""})
    CHECK(!is_uri(bad));
  CHECK(is_uri("sip:h;x=1;x=2"));  // decides nothing, so it cannot mislead anyone
}

TEST("GR-13 headers of a URI are distinguished from its parameters") {
  const Uri uri = parsed("sip:a@h;method=INVITE?Subject=x%20y&Priority=urgent");
  CHECK_EQ(uri.params, ";method=INVITE");
  CHECK_EQ(uri.headers, "?Subject=x%20y&Priority=urgent");
  CHECK(!is_uri("sip:a@h?"));
  CHECK(!is_uri("sip:a@h?x=<y>"));
}

TEST("GR-29 all characters that the grammar allows in user, password and parameters") {
  const Uri uri = parsed("sip:aZ09-_.!~*'()&=+$,;?/:-_.!~*'()&=+$,@h;-_.!~*'()[]/:&+$=-_.!~*'()[]/:&+$");
  CHECK_EQ(uri.user, "aZ09-_.!~*'()&=+$,;?/");
  CHECK_EQ(uri.password, "-_.!~*'()&=+$,");
  for (Text bad : {"sip:a\"b@h", "sip:a<b@h", "sip:a b@h", "sip:a^b@h", "sip:a{b}@h", "sip:a\\b@h", "sip:a|b@h", "sip:a`b@h", "sip:\xc3\xa4@h", "sip:a\tb@h"})
    CHECK(!is_uri(bad));
}

TEST("T6-1 T6-3 T6-4 IPv6 references") {
  CHECK_EQ(parsed("sip:[2001:db8::10]").host, "[2001:db8::10]");
  CHECK_EQ(parsed("sip:[2001:db8::10:5070]").port, 0);
  CHECK_EQ(parsed("sip:[2001:db8::10]:5070").port, 5070);
  CHECK_EQ(parsed("sip:u@[::ffff:192.0.2.1]:5070;lr").host, "[::ffff:192.0.2.1]");
}

TEST("T6-2 T6-9 T6-11 IPv6 without brackets and with zone ids is refused, three colons are not") {
  for (Text bad : {"sip:2001:db8::10", "sip:u@2001:db8::10", "sip:[fe80::1%25eth0]", "sip:[fe80::1%eth0]", "sip:[2001:db8::10", "sip:[]", "sip:[:]",
                   "sip:[192.0.2.1]", "sip:[::g]", "sip:[::1]x"})
    CHECK(!is_uri(bad));
  CHECK(is_uri("sip:u@[2001:db8:::192.0.2.1]"));
}

TEST("PX-16.3-1 invalid hosts and ports") {
  for (Text bad : {"sip:h:", "sip:h:65536", "sip:h:4294967301", "sip:h:x", "sip:h:5060x", "sip:.h", "sip:-h", "sip:a..b", "sip:h:5060:5061",
                   "sip:u@", "sip:u@:5060", "sip:u@;lr", "sip:h h", "sip:h/p", "sip://h"})
    CHECK(!is_uri(bad));
  CHECK_EQ(parsed("sip:h.:05060").port, 5060);
  // Well formed, but leads nowhere.
  CHECK(parsed("sip:h:0").port_zero && parsed("sip:u@[::1]:00;lr").port_zero);
  CHECK(!parsed("sip:h").port_zero && !is_uri("sip:h:0x") && !is_uri("sip:h:00065536"));
}

TEST("DET-16 T6-10 hosts are compared as hosts") {
  CHECK(same_host("Example.NET", "example.net."));
  CHECK(same_host("192.0.2.1", "192.0.2.1"));
  CHECK(same_host("[::1]", "[0:0:0:0:0:0:0:1]"));
  CHECK(same_host("[2001:DB8::A]", "2001:db8:0:0::a"));
  CHECK(!same_host("example.net", "example.org"));
  CHECK(!same_host("192.0.2.1", "192.0.2.10"));
  CHECK(!same_host("[::1]", "[::2]"));
}

TEST("GR-32 a URI with 60,000 parameters or escapes is read in one pass") {
  std::string text = "sip:h";
  for (int i = 0; i < 30000; ++i) text += ";a";
  CHECK_EQ(parsed(text).params.size(), 60000u);
  std::string user = "sip:";
  for (int i = 0; i < 20000; ++i) user += "%41";
  CHECK_EQ(parsed(user + "@h").user.size(), 60000u);
}

}  // namespace sluice::uri_test
