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
