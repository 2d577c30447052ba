/** How the operator's input is read: what to search for, what to trace, which token. */
import { expect, test } from "vitest";
import { filterOf } from "../../../src/admin/flows.js";
import { Guard } from "../../../src/admin/guard.js";
import { tokenIn } from "../../../src/admin/token.js";
import { traceFilter } from "../../../src/admin/tracer.js";

test("a search word is an address, an address with port, a flow's name, or part of an AOR", () => {
  expect(filterOf("")).toEqual({});
  expect(filterOf(" 192.0.2.7 ")).toEqual({ address: "192.0.2.7", port: 0 });
  expect(filterOf("192.0.2.7:5060")).toEqual({ address: "192.0.2.7", port: 5060 });
  expect(filterOf("2001:db8::1")).toEqual({ address: "2001:db8::1", port: 0 });
  expect(filterOf("[2001:DB8::1]:5060")).toEqual({ address: "2001:db8::1", port: 5060 });
  expect(filterOf("3.17.4294967295")).toEqual({ shard: 3, slot: 17, generation: 4294967295 });
  expect(filterOf("Alice@Example.COM")).toEqual({ text: "alice@example.com" });
  expect(filterOf("<urn:uuid:AB>")).toEqual({ text: "urn:uuid:ab" });
});

test("one can trace an AOR, a Call-ID or an address, and nothing vaguer", () => {
  expect(traceFilter("sip:alice@example.com;transport=tcp")).toEqual({ kind: "aor", text: "alice@example.com" });
  expect(traceFilter("alice@example.com")).toEqual({ kind: "aor", text: "alice@example.com" });
  expect(traceFilter("call-id:1@[::1]")).toEqual({ kind: "call-id", text: "1@[::1]" });
  expect(traceFilter("192.0.2.7:5060")).toEqual({ kind: "address", address: "192.0.2.7", port: 5060 });
  expect(traceFilter("2001:db8::1")).toEqual({ kind: "address", address: "2001:db8::1", port: 0 });
  for (const vague of ["", "alice", "@", "example.com", "call-id:"]) expect(() => traceFilter(vague), vague).toThrow(/AOR/);
});

test("a token is extracted from a URI or header value", () => {
  for (const text of ["QAAA_-", "sip:QAAA_-@edge", "<sip:QAAA_-@edge:5060;lr;ob>", "Route: <sips:QAAA_-@edge;lr>, <sip:b@c>"]) expect(tokenIn(text)).toBe("QAAA_-");
});

test("SA-16 the guard demands the token, and keeps out pages from elsewhere and rebound names", () => {
  const asking = { method: "GET", host: "127.0.0.1:5080", origin: "", token: "", contentType: "" };
  const open = new Guard(undefined);
  for (const host of ["127.0.0.1:5080", "localhost:5080", "[::1]:5080"]) expect(() => open.check({ ...asking, host })).not.toThrow();
  expect(() => open.check({ ...asking, origin: "http://127.0.0.1:5080" })).not.toThrow();
  for (const origin of ["http://127.0.0.1:8080", "https://evil.example", "null"]) expect(() => open.check({ ...asking, origin }), origin).toThrow();
  expect(() => open.check({ ...asking, host: "evil.example:5080" })).toThrow();
  expect(() => open.check({ ...asking, method: "POST", contentType: "text/plain" })).toThrow();
  const guarded = new Guard("a-token-of-some-length");
  expect(() => guarded.check({ ...asking, host: "edge.example", token: "a-token-of-some-length" })).not.toThrow();
  for (const token of ["", "a", "a-token-of-some-lengti"]) expect(() => guarded.check({ ...asking, token }), token).toThrow(/token/);
});
