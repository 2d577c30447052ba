import fc from "fast-check";
import { expect, test } from "vitest";
import { showUpstream, upstream } from "../../../src/config/upstream.js";
import { complaintOf } from "./expecting.js";

test("a name alone leaves port and transport to RFC 3263", () => {
  expect(upstream.parse("sip:registrar.example.org")).toEqual({
    scheme: "sip",
    host: "registrar.example.org",
    family: undefined,
    port: undefined,
    transport: undefined,
    priority: 0,
    weight: 1,
  });
});

test("address, port, transport, priority and weight", () => {
  const parsed = upstream.parse("SIP:[2001:db8::1]:5070;transport=TCP;lr;priority=10;weight=0");
  expect(parsed).toMatchObject({ host: "2001:db8::1", family: 6, port: 5070, transport: "tcp", priority: 10, weight: 0 });
});

test("a sips: URI means TLS, whatever its transport says", () => {
  for (const tail of ["", ";transport=tls", ";transport=tcp"]) expect(upstream.parse(`sips:registrar.example.org${tail}`)).toMatchObject({ scheme: "sips", transport: "tls" });
});

test("what is printed reads back as the same", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6().map((ip) => `[${ip}]`), fc.domain());
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  fc.assert(
    fc.property(host, port, fc.constantFrom("", ";transport=udp", ";transport=tcp", ";transport=tls"), (name, number, transport) => {
      const parsed = upstream.parse(`sip:${name}${number === undefined ? "" : `:${number}`}${transport}`);
      expect(upstream.parse(showUpstream(parsed))).toEqual(parsed);
    }),
  );
});

test.each([
  ["sips:registrar.example.org;transport=udp", "no transport but tls after sips:"],
  ["registrar.example.org", "a SIP URI such as"],
  ["tel:+123", "a SIP URI such as"],
  ["sip:alice@registrar.example.org", "without a user part"],
  ["sip:registrar.example.org?Route=x", "without headers"],
  ["sip:", "sip:HOST"],
  ["sip:a b", "sip:HOST"],
  ["sip:host:0", "sip:HOST"],
  ["sip:1.2.3.400", "sip:HOST"],
  ["sip:::1", "sip:HOST"],
  ["sip:host;transport=ws", "transport=udp, transport=tcp or transport=tls"],
  ["sip:host;transport=udp;transport=tcp", "transport once"],
  ["sip:host;maddr=10.0.0.1", "no URI parameter but"],
  ["sip:host;priority=-1", "priority=N"],
  ["sip:host;weight=65536", "weight=N"],
])("%s is refused", (text, complaint) => {
  expect(complaintOf(upstream, text)).toContain(complaint);
});
