/** A binding as a row of values: what is written to disk and sent to Redis. The order is a format: add at the end only. */
import type { Binding } from "./binding.js";

export type Row = readonly [
  key: string,
  callId: string,
  cseq: number,
  expiresAt: number,
  updatedAt: number,
  flow: string | null,
  instance: string | null,
  outbound: boolean,
  regId: number | null,
  contactUri: string,
  contactParams: string,
  path: readonly string[],
  q: number,
  userAgent: string | null,
  // Rows of earlier versions end here; what follows is missing there.
  direct?: boolean,
  node?: string | null,
];

export function toRow(binding: Binding): Row {
  const { key, callId, cseq, expiresAt, updatedAt, flow, instance, outbound, regId, contactUri, contactParams, path, q, userAgent, direct, node } = binding;
  return [
    key,
    callId,
    cseq,
    expiresAt,
    updatedAt,
    flow ?? null,
    instance ?? null,
    outbound,
    regId ?? null,
    contactUri,
    contactParams,
    path,
    q,
    userAgent ?? null,
    direct ?? false,
    node ?? null,
  ];
}

/** A line end that is no folding: what follows it would be a header field of its own. */
const LINE_END = /\0|\r(?!\n[ \t])|(?<!\r)\n|\n(?![ \t])/;
const CONTROL = /[\0-\x1f\x7f]/;

/** As `read_row` in C++ has it, for a row that others can write. Throws if no registrar has written it. */
export function readRow(aor: string, text: string): Binding {
  const row = JSON.parse(text) as Row;
  const isRow = Array.isArray(row) && [0, 1, 9, 10].every((at) => typeof row[at] === "string") && [2, 3, 4, 12].every((at) => typeof row[at] === "number") && Array.isArray(row[11]) && row[11].every((value) => typeof value === "string");
  if (!isRow) throw new Error("not a row of a binding");
  const binding = fromRow(aor, row);
  if (CONTROL.test(binding.contactUri) || [binding.contactParams, ...binding.path].some((value) => LINE_END.test(value))) throw new Error("control characters in a binding");
  return binding;
}

export function fromRow(aor: string, row: Row): Binding {
  const [key, callId, cseq, expiresAt, updatedAt, flow, instance, outbound, regId, contactUri, contactParams, path, q, userAgent, direct = false, node = null] = row;
  return {
    aor,
    key,
    callId,
    cseq,
    expiresAt,
    updatedAt,
    outbound,
    contactUri,
    contactParams,
    path,
    q,
    ...(flow !== null && { flow }),
    ...(instance !== null && { instance }),
    ...(regId !== null && { regId }),
    ...(userAgent !== null && { userAgent }),
    ...(direct && { direct }),
    ...(node !== null && { node }),
  };
}
