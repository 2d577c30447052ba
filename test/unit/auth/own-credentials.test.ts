/** Which credentials end here: the same as in native/test/own_credentials_test.cc, for both paths forward the same. */
import { expect, test } from "vitest";
import { areOwnCredentials } from "../../../src/auth/own-credentials.js";

const REALMS = new Set(["example.org", "example.net"]);
const areOurs = (value: string, key = "authorization"): boolean => areOwnCredentials({ key, value, raw: value }, REALMS);

test("AU-12 credentials for our realms are recognised however they are written, and no others", () => {
  for (const ours of [
    'Digest username="bob", realm="example.org", nonce="n"',
    'Digest REALM = "example.net"',
    "Digest realm=example.org,nonce=n",
    'digest nonce="realm", realm="elsewhere", realm="example.org"',
    'Digest realm\r\n =\r\n "example.org"',
    'Digest realm="ex\\ample.org"',
    'Digest opaque=,, realm="example.org"',
  ]) expect(areOurs(ours), ours).toBe(true);
  for (const theirs of ['Digest username="bob", realm="example.org.elsewhere"', 'Digest realm="sip.example.org"', "Basic cmVhbG0=", "Digest realm", 'Digest realm="', "", 'Digest opaque=,, uri="sip:example.org"'])
    expect(areOurs(theirs), theirs).toBe(false);
  expect(areOurs('Digest realm="example.org"', "proxy-authorization")).toBe(true);
  expect(areOurs('Digest realm="example.org"', "subject")).toBe(false);
});
