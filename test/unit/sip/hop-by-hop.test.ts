import { expect, test } from "vitest";
import { SipMessage } from "../../../src/sip/message.js";
import { ackOf, cancelOf, copyOf } from "../../../src/sip/request.js";

const octets = (lines: readonly string[]): Buffer => Buffer.from([...lines, "Content-Length: 0", "", ""].join("\r\n"), "latin1");
const FIELDS = ["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "From: <sip:a@example.com>;tag=a", "To: <sip:b@example.com>", "Call-ID: c"];

test("PX-16.10-1 CANCEL and ACK repeat the number of the INVITE's CSeq as it was written", () => {
  const invite = copyOf(octets(["INVITE sip:b@example.com SIP/2.0", ...FIELDS, "CSeq: 0009 INVITE"]));
  const refusal = new SipMessage(octets(["SIP/2.0 486 Busy Here", ...FIELDS, "CSeq: 9 INVITE"]));
  expect(cancelOf(invite, []).toString("latin1")).toContain("\r\nCSeq: 0009 CANCEL\r\n");
  expect(ackOf(invite, refusal).toString("latin1")).toContain("\r\nCSeq: 0009 ACK\r\n");
});
