import { expect, test } from "vitest";
import { createLog } from "../../../src/observe/log.js";
import { MessageLog, outcomeOf } from "../../../src/observe/message-log.js";

const response = (start: string, method: string): string => `SIP/2.0 ${start}\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nf: "A" <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>;tag=2\r\nCall-ID: c@h\r\nCSeq: 7 ${method}\r\n\r\n`;

test.each([
  ["200 OK", "REGISTER", "a REGISTER was accepted"],
  ["403 Forbidden", "REGISTER", "a REGISTER was refused"],
  ["401 Unauthorized", "REGISTER", "a request was challenged"],
  ["407 Proxy Authentication Required", "INVITE", "a request was challenged"],
  ["486 Busy Here", "INVITE", "a call failed"],
  ["302 Moved", "INVITE", "a call failed"],
  ["404 Not Found", "MESSAGE", "a request was refused"],
])("%s to %s: %s", (start, method, what) => {
  expect(outcomeOf(response(start, method))).toMatchObject({ what, facts: { status: Number(start.slice(0, 3)), method, to: "sip:bob@example.com", from: "sip:alice@example.com", callId: "c@h" } });
});

test("requests, provisional responses and other successes are no outcome", () => {
  expect(outcomeOf(response("180 Ringing", "INVITE"))).toBeUndefined();
  expect(outcomeOf(response("200 OK", "INVITE"))).toBeUndefined();
  expect(outcomeOf("REGISTER sip:a SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\n")).toBeUndefined();
});

test("what strangers write is printable and short, and the level says what is copied", () => {
  const lines: string[] = [];
  const log = createLog("debug", { write: (line) => void lines.push(line) });
  const messages = new MessageLog(log);
  messages.write({ sent: true, transport: "udp", local: "l", peer: "p", text: response(`404 ${"x".repeat(500)}\x1b[2J`, "INVITE") });
  expect(String((JSON.parse(lines[0] ?? "") as { reason: string }).reason).length).toBeLessThan(130);
  expect(messages.filter).toEqual({ kind: "outcome" });
  log.level = "info";
  expect(messages.filter).toBeUndefined();
  log.level = "trace";
  expect(messages.filter).toEqual({ kind: "all", sample: 1 });
});
