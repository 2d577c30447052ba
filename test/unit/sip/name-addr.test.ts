import fc from "fast-check";
import { expect, test } from "vitest";
import { cpuTime } from "../../support/cpu-time.js";
import { hasOptionTag, joinHeaderLists, splitHeaderList } from "../../../src/sip/header-list.js";
import { parseNameAddr } from "../../../src/sip/name-addr.js";
import { parseParameters } from "../../../src/sip/parameters.js";
import { contradict } from "../../../src/sip/parameters.js";
import { parseUri } from "../../../src/sip/uri.js";
import { isQuoted, quote, unquote } from "../../../src/sip/quoted-string.js";

test("TT-01 OB-6-8 a name, a URI in brackets, and parameters with odd blanks", () => {
  expect(parseNameAddr('"J Rosenberg \\\\\\"" <sip:jdrosen@example.com;lr>  ;  tag = 98asjd8 ; x="a;b\\"c"')).toEqual({
    displayName: '"J Rosenberg \\\\\\""',
    uri: "sip:jdrosen@example.com;lr",
    parameters: [
      { name: "tag", value: "98asjd8", text: "tag = 98asjd8" },
      { name: "x", value: '"a;b\\"c"', text: 'x="a;b\\"c"' },
    ],
  });
});

test("TT-06 no blank between the name and the bracket", () => {
  expect(parseNameAddr("caller<sip:caller@example.com>;tag=323")).toMatchObject({ displayName: "caller", uri: "sip:caller@example.com" });
});

test("TT-45 TT-46 a parameter belongs to the header outside brackets and to the URI inside", () => {
  expect(parseNameAddr("sip:watson@example.com;unknownparam")).toMatchObject({ uri: "sip:watson@example.com", parameters: [{ name: "unknownparam" }] });
  expect(parseNameAddr("<sip:watson@example.com;unknownparam>")).toMatchObject({ uri: "sip:watson@example.com;unknownparam", parameters: [] });
});

test("GR-25 a name in UTF-8 needs its quotes", () => {
  expect(parseNameAddr('"Jos\u00c3\u00a9" <sip:a@b>')?.displayName).toBe('"Jos\u00c3\u00a9"');
  expect(parseNameAddr("Jos\u00c3\u00a9 <sip:a@b>")).toBeUndefined();
});

test("a character that is not an octet is not SIP, whatever its low octet", () => {
  expect(parseNameAddr("<sip:a\u0140b>")).toBeUndefined();
  expect(parseUri("sip:a\u0140example.com")).toBeUndefined();
  expect(splitHeaderList("a\u012cb")).toBeUndefined();
});

test.each([
  "",
  "<>",
  '"Mr. J. User <sip:j.user@example.com>',
  "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
  "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
  "<sip:a@b",
  "sip:a@b>",
  '"a" sip:a@b',
  "<sip:a@b> x",
  "<sip:a@b>;",
  "<sip:a@b>;;x",
  "<sip:a@b>;x=\"y",
  '"\\',
])("TT-14 TT-19 TT-26 TT-28 %j is not an address", (text) => {
  expect(parseNameAddr(text)).toBeUndefined();
});

test("GR-16 contradicting duplicates are not trusted, and identical ones do no harm", () => {
  const said = (text: string): boolean => contradict(parseNameAddr(text)?.parameters ?? []);
  expect(said("<sip:a@b>;reg-id=1;REG-ID=2")).toBe(true);
  expect(said("<sip:a@b>;q;q=1")).toBe(true);
  // As SIP.js registers.
  expect(said('<sip:a@b>;+sip.instance="<urn:uuid:0>";reg-id=1;+sip.instance="<urn:uuid:0>";expires=600')).toBe(false);
});

test("a list is split at commas outside quotes and brackets", () => {
  expect(splitHeaderList('"a,\\",b" <sip:c,d@e>;x="f,<g>" , <sip:h>,sip:i')).toEqual(['"a,\\",b" <sip:c,d@e>;x="f,<g>"', "<sip:h>", "sip:i"]);
  expect(splitHeaderList(" ")).toEqual([]);
  expect(joinHeaderLists(["a, b", "c"])).toEqual(["a", "b", "c"]);
});

test.each(["a,", ",a", "a,,b", '"a', "<a", '<a>,"b\\"'])("TT-14 TT-19 %j is not a list", (text) => {
  expect(splitHeaderList(text)).toBeUndefined();
  expect(joinHeaderLists(["x", text])).toBeUndefined();
});

test("OB-4.2-4 option tags are found in any case and on any line", () => {
  expect(hasOptionTag(["gruu, OutBound", "PATH"], "outbound")).toBe(true);
  expect(hasOptionTag(["gruu, OutBound", "PATH"], "path")).toBe(true);
  expect(hasOptionTag(["outbounds", "x-path"], "outbound")).toBe(false);
});

/** Any octets, one character each. */
function octets(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("latin1"));
}

/** No control character: those are legal only after a backslash. */
function isPlain(text: string): boolean {
  return [...text].every((character) => character >= " " && character !== "\u007f");
}

test("values joined by commas are split at the same places", () => {
  const quoted = octets(8).filter(isPlain).map(quote);
  const value = fc.oneof(quoted, fc.stringMatching(/^[a-z]{1,5}$/), fc.stringMatching(/^<[a-z,;"]{0,8}>$/));
  fc.assert(
    fc.property(fc.array(value), (values) => {
      expect(splitHeaderList(values.join(" , "))).toEqual(values);
    }),
  );
});

test("a quoted string means what was quoted", () => {
  fc.assert(
    fc.property(octets(20), (text) => {
      expect(isQuoted(quote(text))).toBe(true);
      expect(unquote(quote(text))).toBe(text);
    }),
  );
});

test("no text makes the parsers fail", () => {
  const hostile = fc.string({ unit: fc.constantFrom('"', "\\", "<", ">", ",", ";", "=", " ", "a", "\t", "\u00ff") });
  fc.assert(
    fc.property(hostile, (text) => {
      const values = splitHeaderList(text);
      values?.forEach((value) => parseNameAddr(value));
      parseParameters(text);
      parseNameAddr(text);
    }),
    { numRuns: 2_000 },
  );
});

test("time is proportional to the length, whatever the text", () => {
  for (const unit of ['"', "\\", "<", ">", ";", ";a=", '";"', ",", '"\\"', " ", "a "]) {
    const text = unit.repeat(200_000);
    const spent = cpuTime(() => {
      splitHeaderList(text);
      parseNameAddr(text);
      parseNameAddr(`<sip:a@b>${text}`);
      parseParameters(`;x=${text}`);
    });
    expect(spent).toBeLessThan(2_000);
  }
});
