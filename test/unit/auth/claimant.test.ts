/** Whose address the login limits and shares of a home count, behind an edge: the same as in native/core/shard/claimant.h. */
import { expect, test } from "vitest";
import { clientOf } from "../../../src/auth/claimant.js";
import { SipMessage } from "../../../src/sip/message.js";

const EDGE = "192.0.2.1";

function clientWith(via: string): string | undefined {
  const request = new SipMessage(
    Buffer.from(
      ["REGISTER sip:example.com SIP/2.0", `Via: SIP/2.0/UDP ${EDGE};branch=z9hG4bKedge`, `Via: SIP/2.0/UDP ${via}`, "From: <sip:a@example.com>;tag=1", "To: <sip:a@example.com>", "Call-ID: c", "CSeq: 1 REGISTER", "Content-Length: 0", "", ""].join("\r\n"),
    ),
  );
  return clientOf(request, EDGE, true);
}

test("AU-17 behind an edge the client is who the edge says, and nothing that the client wrote into its Via changes that", () => {
  expect(clientWith("phone.invalid;branch=z9hG4bK1;received=203.0.113.7")).toBe("203.0.113.7");
  expect(clientWith("phone.invalid;branch=z9hG4bK1;rport=5060;Received = 2001:db8::7")).toBe("2001:db8::7");
  expect(clientWith("203.0.113.7:5060;branch=z9hG4bK1")).toBe("203.0.113.7");
  expect(clientWith("[2001:db8::7];branch=z9hG4bK1")).toBe("2001:db8::7");
  // A quoted string is no parameter.
  expect(clientWith('203.0.113.7;x="a;received=198.51.100.1;";branch=z9hG4bK1')).toBe("203.0.113.7");
  expect(clientWith('phone.invalid;x="a;received=198.51.100.1;";branch=z9hG4bK1;received=203.0.113.7')).toBe("203.0.113.7");
  expect(clientWith("phone.invalid;branch=z9hG4bK1")).toBeUndefined();
});
