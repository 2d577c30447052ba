/** Responses: our own (RFC 3261 8.2.6), and those passed on (16.7). */
import type { SipMessage } from "./message.js";
import { splitHeaderList } from "./header-list.js";
import { reasonOf } from "./reason.js";
import type { ResponseSpec } from "./response-spec.js";
import { type Stamp, stampVia } from "./via.js";

const COPIED = new Set(["from", "to", "call-id", "cseq"]);
const END = "\r\n";

export interface ResponseOptions {
  readonly spec: ResponseSpec;
  /** Used when the To of the request has none; a 100 gets none (RFC 3261 8.2.6.2). */
  readonly toTag: string;
  /** Where the request came from. */
  readonly stamp: Stamp;
}

export function makeResponse(request: SipMessage, { spec, toTag, stamp }: ResponseOptions): Buffer {
  const lines = [`SIP/2.0 ${spec.status} ${spec.reason ?? reasonOf(spec.status)}`, ...viaLines(request, stamp)];
  const needsTag = spec.status > 100 && request.tagOf("To") === undefined;
  for (const { key, raw } of request.fields) {
    if (COPIED.has(key)) lines.push(key === "to" && needsTag ? `${raw};tag=${toTag}` : raw);
    else if (key === "timestamp" && spec.status === 100) lines.push(raw);
  }
  for (const [name, value] of spec.headers) lines.push(`${name}: ${value}`);
  lines.push("Content-Length: 0", "", "");
  return Buffer.from(lines.join(END), "latin1");
}

/** The Via fields of a request as they go on and come back: the first value stamped, the rest as received. */
export function viaLines(request: SipMessage, stamp: Stamp): readonly string[] {
  const last = request.stamped;
  if (last !== undefined && last.stamp.address === stamp.address && last.stamp.port === stamp.port && last.stamp.keep === stamp.keep) return last.lines;
  const lines = writeVias(request, stamp);
  request.stamped = { stamp, lines };
  return lines;
}

function writeVias(request: SipMessage, stamp: Stamp): readonly string[] {
  return request.fieldsOf("via").map(({ raw, value }, at) => {
    if (at > 0) return raw;
    if (!value.includes(",")) return `Via: ${stampVia(value, stamp, request.via)}`;
    const [top = value, ...rest] = splitHeaderList(value) ?? [value];
    return `Via: ${[stampVia(top, stamp, request.via), ...rest].join(", ")}`;
  });
}

/** A response on its way back: our own Via is removed, nothing else changes (RFC 3261 16.7 step 3). Undefined: it was meant for us. */
export function withoutTopVia(response: SipMessage, startLine = response.startLine, added: readonly string[] = []): Buffer | undefined {
  const lines = [startLine];
  let vias = 0;
  let hasLength = false;
  for (const { key, raw, value } of response.fields) {
    if (key === "content-length") hasLength = true;
    if (key !== "via") {
      lines.push(raw);
      continue;
    }
    vias += 1;
    if (vias > 1) lines.push(raw);
    else {
      const [, ...rest] = splitHeaderList(value) ?? [value];
      if (rest.length > 0) lines.push(`Via: ${rest.join(", ")}`);
      else vias = 1;
    }
  }
  if (!lines.some((line) => /^v(?:ia)?\s*:/i.test(line))) return undefined;
  if (!hasLength) lines.push(`Content-Length: ${response.body.length}`);
  return Buffer.concat([Buffer.from([...lines, ...added, "", ""].join(END), "latin1"), response.body]);
}
