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
  /** What a server has noted as the sender's address, as it stands there; empty: nothing. */
  readonly received: string;
  /** Asks for symmetric responses. */
  readonly hasRport: boolean;
  /** Asks for keep-alives and has no answer yet. */
  readonly asksKeep: boolean;
  /** Where its parameters rport, received and keep begin and end; -1: it has none. */
  readonly places: readonly number[];
}

const RPORT = 0;
const RECEIVED = 2;
const KEEP = 4;

const PLACES = [ViaField.rportParamAt, ViaField.receivedParamAt, ViaField.keepParamAt].flatMap((at) => [at, at + 1]);

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
    received: piece(value, ViaField.receivedAt) ?? "",
    hasRport: found[ViaField.hasRport] !== 0,
    asksKeep: found[ViaField.asksKeep] !== 0,
    places: PLACES.map(numberAt),
  };
}

export interface Stamp {
  readonly address: string;
  readonly port: number;
  /** Seconds for the answer to `keep` (RFC 6223 4.4); undefined: it stays as it is. */
  readonly keep?: number | undefined;
}

/** The top Via of a request, completed with the sender's actual address (RFC 3261 18.2.1, RFC 3581 4). `via`: what it says. */
export function stampVia(value: string, stamp: Stamp, via = parseVia(value)): string {
  if (via === undefined) return value;
  const { places } = via;
  const placeOf = (at: number): number => places[at] ?? -1;
  const isKept = via.asksKeep && stamp.keep !== undefined;
  const cuts = (isKept ? [RPORT, RECEIVED, KEEP] : [RPORT, RECEIVED]).filter((at) => placeOf(at) >= 0);
  if (cuts.length > 1) cuts.sort((one, other) => placeOf(one) - placeOf(other));
  let stamped = "";
  let done = 0;
  for (const at of cuts) {
    stamped += value.slice(done, placeOf(at));
    if (at === KEEP) stamped += `;keep=${stamp.keep}`;
    done = placeOf(at + 1);
  }
  stamped += value.slice(done);
  if (via.hasRport) stamped += `;rport=${stamp.port}`;
  if (via.hasRport || via.host.replace(/^\[|\]$/g, "") !== stamp.address) stamped += `;received=${stamp.address}`;
  return stamped;
}
