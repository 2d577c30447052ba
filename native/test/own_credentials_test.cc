// Which credentials are for us.
#include "core/relay/own_credentials.h"

#include "check.h"

namespace sluice::own_credentials_test {

TEST("AU-12 credentials for our realms are recognised however they are written, and no others") {
  const std::vector<std::string> realms = {"example.org", "example.net"};
  for (Text ours : {Text("Digest username=\"bob\", realm=\"example.org\", nonce=\"n\""), Text("Digest REALM = \"example.net\""), Text("Digest realm=example.org,nonce=n"),
                    Text("digest nonce=\"realm\", realm=\"elsewhere\", realm=\"example.org\""), Text("Digest realm\r\n =\r\n \"example.org\""), Text("Digest realm=\"ex\\ample.org\"")})
    CHECK(names_realm(ours, realms));
  for (Text theirs : {Text("Digest username=\"bob\", realm=\"example.org.elsewhere\""), Text("Digest realm=\"sip.example.org\""), Text("Basic cmVhbG0="), Text("Digest realm"),
                      Text("Digest realm=\""), Text("")})
    CHECK(!names_realm(theirs, realms));
}

}  // namespace sluice::own_credentials_test
