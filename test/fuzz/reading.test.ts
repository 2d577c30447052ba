/** Compares how the scanner reads a message with what the handlers see, and what they write with how the scanner reads that. */
import { expect, test } from "vitest";
import { AddressField, LineField, MessageField, ScanError } from "../../src/native/layout.js";
import { found, piece, readAddress, readList, readMessage, readUri } from "../../src/native/reader.js";
import { splitHeaderList } from "../../src/sip/header-list.js";
import { headerKey } from "../../src/sip/header-name.js";
import { SipMessage } from "../../src/sip/message.js";
import { parseNameAddr, uriIn } from "../../src/sip/name-addr.js";
import { findParameter } from "../../src/sip/parameters.js";
import { ackOf, cancelOf, forwardRequest, copyOf } from "../../src/sip/request.js";
import { makeResponse, withoutTopVia } from "../../src/sip/response.js";
import { parseUri } from "../../src/sip/uri.js";
import { parseVia } from "../../src/sip/via.js";
import { FUZZ_TIMEOUT, fuzz } from "../support/fuzzing.js";

const ADDRESSES = new Set(["from", "to", "contact", "route", "record-route", "path"]);
const STAMP = { address: "198.51.100.9", port: 4_711, keep: 30 };

const unfolded = (text: string): string => text.replace(/\r\n[ \t]+/g, " ");

/** The scanner's view of the octets as received, folds included. */
function rawLines(octets: Buffer): readonly { readonly key: string; readonly value: string }[] {
  const text = octets.toString("latin1");
  const count = readMessage(octets);
  return Array.from({ length: count }, (_, line) => {
    const at = MessageField.size + line * LineField.size;
    return {
      key: headerKey(text.slice(found[at + LineField.lineAt], found[at + LineField.nameEnd])),
      value: text.slice(found[at + LineField.valueAt], found[at + LineField.valueEnd]),
    };
  });
}

function rawValues(line: string): readonly string[] | undefined {
  const count = readList(line);
  return count < 0 ? undefined : Array.from({ length: count }, (_, value) => line.slice(found[2 * value], found[2 * value + 1]));
}

function compareAddresses(message: SipMessage, lines: ReturnType<typeof rawLines>): void {
  expect(message.fields.map(({ key }) => key)).toEqual(lines.map(({ key }) => key));
  for (const [at, { key, value }] of lines.entries()) {
    if (!ADDRESSES.has(key)) continue;
    const raw = key === "from" || key === "to" ? [value] : rawValues(value);
    const seen = message.fields[at]?.value ?? "";
    const values = key === "from" || key === "to" ? [seen] : splitHeaderList(seen);
    expect(values?.length).toBe(raw?.length);
    for (const [index, one] of (raw ?? []).entries()) {
      const address = parseNameAddr(values?.[index] ?? "");
      const count = readAddress(one);
      expect(address?.parameters.length).toBe(count < 0 ? undefined : count);
      if (address === undefined) continue;
      const [display, uri] = [piece(one, AddressField.displayAt) ?? "", piece(one, AddressField.uriAt) ?? ""];
      expect(unfolded(address.uri)).toBe(unfolded(uri));
      expect(unfolded(address.displayName)).toBe(unfolded(display));
      expect(readUri(address.uri)).toBe(readUri(uri));
      if (/^sips?:/i.test(address.uri)) expect(parseUri(address.uri) !== undefined).toBe(readUri(address.uri));
    }
  }
}

function compareParts(message: SipMessage): void {
  for (const name of ["From", "To"] as const) {
    const tags = parseNameAddr(message.header(name) ?? "")?.parameters;
    expect(findParameter(tags ?? [], "tag")?.value).toBe(message.tagOf(name));
  }
  const [top = ""] = message.values("Via");
  expect(message.topVia).toBe(top);
  for (const value of message.values("Via")) expect(parseVia(value)).toBeDefined();
  for (const value of message.values("Route")) expect(parseNameAddr(value)).toBeDefined();
  expect(message.callId).toBe(message.header("Call-ID"));
  expect(message.cseq).toEqual({ number: Number(/^\d+/.exec(message.header("CSeq") ?? "")?.[0]), method: /\S+$/.exec(message.header("CSeq") ?? "")?.[0] });
}

/** Checks what must not change when we forward, and that no value has gained a line. */
function compareCopy(request: SipMessage): void {
  // Nobody can be reached over another scheme, so a copy that would need one never leaves.
  const routes = request.values("Route").filter((value) => parseUri(uriIn(value) ?? "") !== undefined);
  const uri = "sip:bob@192.0.2.2;ob";
  const via = "SIP/2.0/TCP 192.0.2.3;branch=z9hG4bKours";
  const sent = forwardRequest(request, { uri, via, recordRoutes: ["<sip:t@192.0.2.3;lr>"], routes, maxBreadth: 1, stamp: STAMP, fromTrusted: true, endsHere: () => false });
  const copy = new SipMessage(sent.octets);
  expect(copy.error).toBe(ScanError.none);
  expect(copy.method).toBe(request.method);
  expect(copy.topVia).toBe(via);
  expect(copy.values("Via")).toHaveLength(request.values("Via").length + 1);
  for (const name of ["From", "To", "Call-ID", "CSeq", "Contact", "Path", "Authorization", "Subject"]) expect(copy.headers(name)).toEqual(request.headers(name));
  const stamped = parseVia(copy.values("Via")[1] ?? "");
  const before = parseVia(request.topVia);
  expect([stamped?.branch, stamped?.sentBy, stamped?.hasRport]).toEqual([before?.branch, before?.sentBy, before?.hasRport]);
  // RFC 3261 16.6 step 6: if the first Route is a strict router's, it becomes the Request-URI.
  expect(copy.values("Route")).toHaveLength(routes.length);
  const refusal = new SipMessage(makeResponse(copy, { spec: { status: 486, headers: [] }, toTag: "t", stamp: STAMP }));
  // As the process after an upgrade makes them.
  const read = copyOf(sent.octets);
  expect([cancelOf(read, ["SIP;cause=487"]), ackOf(read, refusal)]).toEqual([cancelOf(sent, ["SIP;cause=487"]), ackOf(sent, refusal)]);
  for (const hop of [cancelOf(sent, ["SIP;cause=487"]), ackOf(sent, refusal)]) {
    const message = new SipMessage(hop);
    expect(message.error).toBe(ScanError.none);
    expect([message.uri, message.topVia, message.callId, message.cseq.number]).toEqual([copy.uri, copy.topVia, copy.callId, copy.cseq.number]);
    expect(message.values("Via")).toHaveLength(1);
    expect(message.values("Route")).toEqual(copy.values("Route"));
  }
}

function compareAnswer(request: SipMessage): void {
  const answer = new SipMessage(makeResponse(request, { spec: { status: 404, headers: [["Supported", "path"]] }, toTag: "ours", stamp: STAMP }));
  expect(answer.error).toBe(ScanError.none);
  expect(answer.status).toBe(404);
  expect(answer.values("Via")).toHaveLength(request.values("Via").length);
  expect(parseVia(answer.topVia)?.branch).toBe(parseVia(request.topVia)?.branch);
  expect(answer.tagOf("To")).toBe(request.tagOf("To") ?? "ours");
  for (const name of ["From", "Call-ID", "CSeq"]) expect(answer.headers(name)).toEqual(request.headers(name));
}

test("GR-41 whatever decisions depend on is read the same way everywhere, and what we write is read as intended", { timeout: FUZZ_TIMEOUT }, async () => {
  let sound = 0;
  const count = await fuzz((octets) => {
    const message = new SipMessage(octets);
    if (message.error !== ScanError.none) return;
    sound += 1;
    compareAddresses(message, rawLines(octets));
    compareParts(message);
    if (message.isRequest) {
      compareAnswer(message);
      compareCopy(message);
    } else {
      const passed = withoutTopVia(message);
      const vias = message.values("Via").length;
      expect(passed === undefined ? 0 : new SipMessage(passed).values("Via").length).toBe(vias - 1);
    }
  });
  // Otherwise nothing was compared.
  expect(sound).toBeGreaterThan(count / 20);
});
