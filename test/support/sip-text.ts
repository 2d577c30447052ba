/** Writes messages: a test names what matters to it, the rest of a valid message is filled in. */
import { type SipMessage, longName } from "./sip-message.js";
import type { Transport } from "./wire.js";

/** The sender: what its Via contains, and what distinguishes its dialogs from those of other tests. */
export interface Sender {
  readonly name: string;
  /** host:port */
  readonly at: string;
  readonly transport: Transport;
  readonly scene: string;
}

let branches = 0;

export function newBranch(): string {
  branches += 1;
  return `z9hG4bK-test-${process.pid}-${branches}`;
}

/**
 * Completes a request or response: converts line ends to CRLF, adds the mandatory header fields that the text does not name,
 * and sets Content-Length to that of the body.
 */
export function complete(text: string, sender: Sender): string {
  const { head, body } = cut(text);
  const [startLine = "", ...lines] = head;
  const names = new Set(lines.filter((line) => !/^[ \t]/.test(line)).map((line) => longName(line.split(":")[0] ?? "")));
  const method = startLine.split(" ")[0] ?? "";
  const isResponse = startLine.startsWith("SIP/2.0 ");
  const before: string[] = [];
  const after: string[] = [];
  if (!names.has("via")) {
    before.push(`Via: SIP/2.0/${sender.transport.toUpperCase()} ${sender.at};branch=${newBranch()};rport`);
  }
  if (!names.has("max-forwards") && !isResponse) before.push("Max-Forwards: 70");
  if (!names.has("from")) after.push(`From: <sip:${sender.name}@example.com>;tag=${sender.name}`);
  if (!names.has("to")) after.push("To: <sip:somebody@example.com>");
  if (!names.has("call-id")) after.push(`Call-ID: ${sender.name}@${sender.scene}`);
  if (!names.has("cseq")) after.push(`CSeq: 1 ${method}`);
  if (!names.has("content-length")) after.push(`Content-Length: ${body.length}`);
  return [startLine, ...before, ...lines, ...after, "", body].join("\r\n");
}

/** Only converts line ends to CRLF. Text without an empty line gets the one that ends the header fields. */
export function exactly(text: string): string {
  const { head, body } = cut(text);
  return [...head, "", body].join("\r\n");
}

/** A response as a UAS writes it: Via, From, To, Call-ID, CSeq and Record-Route copied, a To tag added, `extra` below. */
export function responseTo(request: SipMessage, status: string, uas: string, extra = ""): string {
  const copied = request.lines.filter((line) =>
    ["via", "from", "to", "call-id", "cseq", "record-route"].includes(line.name),
  );
  const { head, body } = cut(extra);
  const own = head.filter((line) => line !== "");
  const named = new Set(own.map((line) => longName(line.split(":")[0] ?? "")));
  const lines = copied
    .filter((line) => line.name === "via" || !named.has(line.name))
    .map((line) => {
      const lacksTag = line.name === "to" && !/;\s*tag\s*=/i.test(line.value) && !status.startsWith("100");
      return lacksTag ? `${line.raw};tag=${uas}` : line.raw;
    });
  if (!named.has("content-length")) own.push(`Content-Length: ${body.length}`);
  return [`SIP/2.0 ${status}`, ...lines, ...own, "", body].join("\r\n");
}

function cut(text: string): { head: string[]; body: string } {
  const lines = text.replace(/\r\n/g, "\n");
  const end = lines.indexOf("\n\n");
  const head = (end < 0 ? lines.replace(/\n$/, "") : lines.slice(0, end)).split("\n");
  return { head, body: end < 0 ? "" : lines.slice(end + 2).replace(/\n/g, "\r\n") };
}
