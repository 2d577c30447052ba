/** Requests as a proxy sends them: a copy on its way to a target, and the CANCEL and ACK that follow it (RFC 3261 16.6, 9.1, 17.1.1.3). */
import { type HeaderField, SipMessage } from "./message.js";
import { uriIn } from "./name-addr.js";
import { findParameter } from "./parameters.js";
import { viaLines } from "./response.js";
import { asRequestUri, parseUri } from "./uri.js";
import type { Stamp } from "./via.js";

const END = "\r\n";
const MAX_FORWARDS = 70;
/** Header fields that only a trusted neighbour may set (RFC 3325 5, RFC 3608 6.4, RFC 5626 12). A Path means something in a REGISTER alone (RFC 3327 4). */
const SMUGGLED = new Set(["service-route", "p-asserted-identity", "flow-timer"]);

export interface Forwarding {
  readonly uri: string;
  /** The value of our own Via. */
  readonly via: string;
  /** Values to put on top of the existing ones, the first one topmost. */
  readonly recordRoutes: readonly string[];
  /** All Route values of the copy. */
  readonly routes: readonly string[];
  readonly maxBreadth: number;
  /** Where the request came from. */
  readonly stamp: Stamp;
  readonly fromTrusted: boolean;
  /** Further fields to remove. */
  readonly endsHere: (field: HeaderField) => boolean;
}

/** What was sent, and what a CANCEL or ACK repeats of it: so it need not be read for that. */
export interface SentCopy {
  readonly octets: Buffer;
  readonly uri: string;
  /** Its top Via and its Routes, as lines. */
  readonly lines: readonly string[];
  /** A request with the same From, To, Call-ID and CSeq. */
  readonly like: SipMessage;
}

/** Octets alone: what no ACK or CANCEL repeats most often, or what the process before has written. */
export type Sent = SentCopy | Buffer;

export function octetsOf(sent: Sent): Buffer {
  return Buffer.isBuffer(sent) ? sent : sent.octets;
}

/** Reads what is known of octets only. */
export function copyOf(sent: Sent): SentCopy {
  if (!Buffer.isBuffer(sent)) return sent;
  const octets = sent;
  const like = new SipMessage(octets);
  const via = like.fields.find(({ key }) => key === "via");
  return { octets, uri: like.uri, lines: [via?.raw ?? "", ...like.fields.filter(({ key }) => key === "route").map(({ raw }) => raw)], like };
}

/** All other fields stay octet for octet, as does the body (RFC 3261 16.6 step 1). */
export function forwardRequest(request: SipMessage, forwarding: Forwarding): SentCopy {
  const { uri, routes } = looseRoute(forwarding.uri, forwarding.routes);
  const own = [`Via: ${forwarding.via}`];
  for (const value of routes) own.push(`Route: ${value}`);
  const [top = "", ...routeLines] = own;
  const lines = [`${request.method} ${uri} SIP/2.0`, top];
  for (const value of forwarding.recordRoutes) lines.push(`Record-Route: ${value}`);
  lines.push(...routeLines);
  lines.push(`Max-Forwards: ${forwardsLeft(request)}`, `Max-Breadth: ${forwarding.maxBreadth}`);
  const vias = viaLines(request, forwarding.stamp);
  let via = 0;
  let hasLength = false;
  for (const field of request.fields) {
    const { key, raw } = field;
    if (key === "via") {
      const line = vias[via] ?? raw;
      lines.push(via === 0 ? named(raw, line) : line);
      via += 1;
    } else if (key === "route" || key === "max-forwards" || key === "max-breadth") continue;
    else if (!forwarding.fromTrusted && SMUGGLED.has(key)) continue;
    else if (forwarding.endsHere(field)) continue;
    else lines.push(raw);
    if (key === "content-length") hasLength = true;
  }
  if (!hasLength) lines.push(`Content-Length: ${request.body.length}`);
  lines.push("", "");
  const head = Buffer.from(lines.join(END), "latin1");
  return { octets: request.body.length === 0 ? head : Buffer.concat([head, request.body]), uri, lines: own, like: request };
}

/** A Via line under the name that it came with, `v` or another. */
function named(raw: string, line: string): string {
  return (/^[^:]*:\s*/.exec(raw)?.[0] ?? "Via: ") + line.slice("Via: ".length);
}

/** RFC 3261 16.6 step 6: a first Route without `lr` is a strict router, which expects itself as Request-URI. */
function looseRoute(uri: string, routes: readonly string[]): { readonly uri: string; readonly routes: readonly string[] } {
  const [first, ...rest] = routes;
  if (first === undefined) return { uri, routes };
  const next = uriIn(first) ?? "";
  const isLoose = findParameter(parseUri(next)?.parameters ?? [], "lr") !== undefined;
  return isLoose ? { uri, routes } : { uri: asRequestUri(next), routes: [...rest, `<${uri}>`] };
}

/** A strict router before us put our own Record-Route into the Request-URI: the original is the last Route (RFC 3261 16.4). */
export function undoStrictRoute(request: SipMessage): SipMessage {
  const routes = request.values("Route");
  const uri = uriIn(routes.at(-1) ?? "");
  if (uri === undefined) return request;
  const others = request.fields.filter(({ key }) => key !== "route").map(({ raw }) => raw);
  const lines = [`${request.method} ${asRequestUri(uri)} SIP/2.0`, ...routes.slice(0, -1).map((value) => `Route: ${value}`), ...others, "", ""];
  return new SipMessage(Buffer.concat([Buffer.from(lines.join(END), "latin1"), request.body]));
}

function forwardsLeft(request: SipMessage): number {
  const given = request.header("Max-Forwards");
  if (given === undefined || !/^\d{1,3}$/.test(given)) return MAX_FORWARDS;
  return Math.min(Number(given) - 1, MAX_FORWARDS);
}

/** The CANCEL of a request that we sent: only its own top Via, the same Route, and the Reason we got for cancelling (RFC 3261 9.1, RFC 3326). */
export function cancelOf(sent: SentCopy, reasons: readonly string[]): Buffer {
  return hopByHop("CANCEL", sent, sent.like.header("To") ?? "", reasons.map((value) => `Reason: ${value}`));
}

/** The ACK of a final response other than 2xx, with the To of that response (RFC 3261 17.1.1.3). */
export function ackOf(sent: SentCopy, response: SipMessage): Buffer {
  return hopByHop("ACK", sent, response.header("To") ?? "", []);
}

function hopByHop(method: string, { uri, lines: own, like }: SentCopy, to: string, added: readonly string[]): Buffer {
  const lines = [
    `${method} ${uri} SIP/2.0`,
    ...own,
    `Max-Forwards: ${MAX_FORWARDS}`,
    `From: ${like.header("From") ?? ""}`,
    `To: ${to}`,
    `Call-ID: ${like.callId}`,
    // As it was written: some devices compare text.
    `CSeq: ${/^\d+/.exec(like.header("CSeq") ?? "")?.[0] ?? like.cseq.number} ${method}`,
    ...added,
    "Content-Length: 0",
    "",
    "",
  ];
  return Buffer.from(lines.join(END), "latin1");
}
