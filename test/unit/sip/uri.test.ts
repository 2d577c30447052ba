import fc from "fast-check";
import { expect, test } from "vitest";
import { cpuTime } from "../../support/cpu-time.js";
import { parseUri } from "../../../src/sip/uri.js";
import { sameUriKey, uriKey } from "../../../src/sip/uri-key.js";

test("every part of a URI", () => {
  expect(parseUri("SIPS:al%69ce:se%20cret@[2001:DB8::1]:5061;Transport=TCP;lr?Subject=a%20b&priority=urgent")).toEqual({
    scheme: "sips",
    user: "al%69ce",
    password: "se%20cret",
    host: "[2001:db8::1]",
    port: 5061,
    parameters: [
      { name: "transport", value: "TCP", text: "Transport=TCP" },
      { name: "lr", value: undefined, text: "lr" },
    ],
    headers: "Subject=a%20b&priority=urgent",
  });
});

test("TT-09 semicolons and question marks in the user part belong to it", () => {
  const uri = parseUri("sip:user;par=u%40example.net?x@example.com;lr");
  expect(uri?.user).toBe("user;par=u%40example.net?x");
  expect(uri?.parameters.map(({ text }) => text)).toEqual(["lr"]);
});

test("TT-04 an escaped NUL truncates nothing", () => {
  expect(parseUri("sip:null-%00-null@example.com")?.user).toBe("null-%00-null");
});

test.each([
  "",
  "sip:",
  "sip:@example.com",
  "sip:a@",
  "sip::x@example.com",
  "mailto:a@example.com",
  "sip:a@b@c",
  "sip:a@example.com:",
  "sip:a@example.com:65536",
  "sip:a@example.com:5o60",
  "sip:a@example..com",
  "sip:a@[::1",
  "sip:a@[fe80::1%eth0]",
  "sip:a@[::1]x",
  "sip:a@ex ample.com",
  "sip:a@example.com;;lr",
  "sip:a@example.com;",
  "sip:a%4@example.com",
  "sip:a%zz@example.com",
  "sip:a<b@example.com",
  'sip:"a"@example.com',
  "sip:a@example.com\r\nVia: x",
  "sip:é@example.com",
])("%j is no SIP URI", (text) => {
  expect(parseUri(text)).toBeUndefined();
});

function equivalent(one: string, other: string): boolean {
  const [left, right] = [one, other].map((text) => parseUri(text)).map((uri) => uri && uriKey(uri));
  return left !== undefined && right !== undefined && sameUriKey(left, right);
}

// The lists of RFC 3261 19.1.4, and what follows from its rules.
test.each([
  ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"],
  ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"],
  ["sip:carol@chicago.com", "sip:carol@chicago.com;security=on"],
  ["sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"],
  ["sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"],
  ["sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x"],
  ["SIP:a@b;lr", "sip:a@B;LR"],
  ["sip:a;b@h", "sip:a;b@h"],
  ["sip:a@h;gr=URN:x", "sip:a@h;gr=urn:X"],
  ["sip:a%2fb@h", "sip:a%2Fb@h"],
])("REG-23 TT-03 %s is equivalent to %s", (one, other) => {
  expect(equivalent(one, other)).toBe(true);
  expect(equivalent(other, one)).toBe(true);
});

test.each([
  ["SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"],
  ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"],
  ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"],
  ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"],
  ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"],
  ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"],
  ["sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"],
  ["sip:a@h", "sips:a@h"],
  ["sip:a@h", "sip:a:pw@h"],
  ["sip:a@h", "sip:h"],
  ["sip:a@h", "sip:a@h;maddr=192.0.2.1"],
  ["sip:a@h", "sip:a@h;ttl=1"],
  ["sip:a@h", "sip:a@h;user=ip"],
  ["sip:a@h;method=INVITE", "sip:a@h;method=invite"],
  ["sip:a%2Fb@h", "sip:a/b@h"],
  ["sip:a%00b@h", "sip:a@h"],
])("REG-23 TT-04 %s is not equivalent to %s", (one, other) => {
  expect(equivalent(one, other)).toBe(false);
  expect(equivalent(other, one)).toBe(false);
});

const part = fc.stringMatching(/^[a-z0-9.!~*'()&=+$,;?%/-]{1,12}$/);
const uriText = fc
  .tuple(fc.constantFrom("sip:", "sips:"), part, fc.constantFrom("h", "example.com", "[::1]"), fc.constantFrom("", ":5060"), fc.array(fc.stringMatching(/^[a-c]=[a-c]$/), { maxLength: 3 }))
  .map(([scheme, user, host, port, parameters]) => `${scheme}${user}@${host}${port}${parameters.map((one) => `;${one}`).join("")}`);

/** Any octets, one character each. */
const octets = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("latin1"));

test("equivalence is reflexive and symmetric", () => {
  fc.assert(
    fc.property(uriText, uriText, (one, other) => {
      fc.pre(parseUri(one) !== undefined && parseUri(other) !== undefined);
      expect(equivalent(one, one)).toBe(parseUri(one) !== undefined);
      expect(equivalent(one, other)).toBe(equivalent(other, one));
    }),
  );
});

test("no text makes it fail, and a parsed URI contains no character that could end it in a header", () => {
  fc.assert(
    fc.property(fc.oneof(octets, fc.string().map((tail) => `sip:${tail}`), uriText), (text) => {
      if (parseUri(text) !== undefined) expect(text).toMatch(/^[^\s"<>]+$/);
    }),
  );
});

test("time is proportional to the length, whatever the text", () => {
  for (const unit of ["a.", "%41", ";a", ":", "[", "a@", "?", "-"]) {
    const text = `sip:a@${unit.repeat(300_000)}`;
    expect(cpuTime(() => parseUri(text))).toBeLessThan(1_500);
  }
});
