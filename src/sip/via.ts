/** One Via value (RFC 3261 20.42, RFC 3581, RFC 6223), as far as a transaction needs it. */
import { ViaField } from "../native/layout.js";
import { found, numberAt, piece, readVia } from "../native/reader.js";

export interface Via {
  /** Upper case. */
  readonly transport: string;
  /** sent-by in lower case and without spaces; with the port if it was given. */
  readonly sentBy: string;
  readonly host: string;
  /** 0: none was given. */
  readonly port: number;
  readonly branch: string;
  /** Asks for symmetric responses. */
  readonly hasRport: boolean;
  /** Asks for keep-alives and has no answer yet. */
  readonly asksKeep: boolean;
}

/** Undefined: not a Via. */
export function parseVia(value: string): Via | undefined {
  if (!readVia(value)) return undefined;
  const host = (piece(value, ViaField.hostAt) ?? "").toLowerCase();
  const port = numberAt(ViaField.port);
  return {
    transport: (piece(value, ViaField.transportAt) ?? "").toUpperCase(),
    sentBy: port === 0 ? host : `${host}:${port}`,
    host,
    port,
    branch: piece(value, ViaField.branchAt) ?? "",
    hasRport: found[ViaField.hasRport] !== 0,
    asksKeep: found[ViaField.asksKeep] !== 0,
  };
}

export interface Stamp {
  readonly address: string;
  readonly port: number;
  /** Seconds for the answer to `keep` (RFC 6223 4.4); undefined: it stays as it is. */
  readonly keep?: number | undefined;
}

/** The top Via of a request, completed with the sender's actual address (RFC 3261 18.2.1, RFC 3581 4). */
export function stampVia(value: string, stamp: Stamp): string {
  const via = parseVia(value);
  if (via === undefined) return value;
  const answersKeep = via.asksKeep && stamp.keep !== undefined;
  const changes = [
    { at: ViaField.rportParamAt, text: "" },
    { at: ViaField.receivedParamAt, text: "" },
    ...(answersKeep ? [{ at: ViaField.keepParamAt, text: `;keep=${stamp.keep}` }] : []),
  ].map(({ at, text }) => ({ begin: numberAt(at), end: numberAt(at + 1), text }));
  let stamped = "";
  let done = 0;
  for (const { begin, end, text } of changes.filter((change) => change.begin >= 0).sort((one, other) => one.begin - other.begin)) {
    stamped += value.slice(done, begin) + text;
    done = end;
  }
  stamped += value.slice(done);
  if (via.hasRport) stamped += `;rport=${stamp.port}`;
  if (via.hasRport || via.host.replace(/^\[|\]$/g, "") !== stamp.address) stamped += `;received=${stamp.address}`;
  return stamped;
}
