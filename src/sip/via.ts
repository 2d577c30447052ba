/** One Via value (RFC 3261 20.42, RFC 3581, RFC 6223), as far as a transaction needs it. */

export interface Via {
  /** Upper case. */
  readonly transport: string;
  /** sent-by as it came, in lower case and without blanks; the port when it was given. */
  readonly sentBy: string;
  readonly host: string;
  readonly branch: string;
  /** Asks for symmetric responses. */
  readonly hasRport: boolean;
  /** Asks for keep-alives and has no answer yet. */
  readonly asksKeep: boolean;
}

const SHAPE = /^SIP\s*\/\s*2\.0\s*\/\s*([^\s;/]+)\s+(\[[^\]]*\]|[^\s;:]+)\s*(?::\s*(\d+))?\s*(;[\s\S]*)?$/i;

/** Undefined: not a Via. */
export function parseVia(value: string): Via | undefined {
  const [, transport = "", host = "", port, parameters = ""] = SHAPE.exec(value) ?? [];
  if (host === "") return undefined;
  const name = host.toLowerCase();
  return {
    transport: transport.toUpperCase(),
    sentBy: port === undefined ? name : `${name}:${port}`,
    host: name,
    branch: /;\s*branch\s*=\s*([^\s;]+)/i.exec(parameters)?.[1] ?? "",
    hasRport: /;\s*rport\s*(?=[;=]|$)/i.test(parameters),
    asksKeep: /;\s*keep\s*(?=;|$)/i.test(parameters),
  };
}

export interface Stamp {
  readonly address: string;
  readonly port: number;
  /** Seconds that answer `keep` (RFC 6223 4.4); undefined: it is left as it is. */
  readonly keep?: number | undefined;
}

/** The top Via of a request with what the server found out about its sender (RFC 3261 18.2.1, RFC 3581 4). */
export function stampVia(value: string, stamp: Stamp): string {
  const via = parseVia(value);
  if (via === undefined) return value;
  let stamped = value.replace(/\s*;\s*(?:received|rport)\s*(?:=\s*[^\s;]*)?(?=\s*(?:;|$))/gi, "");
  if (via.asksKeep && stamp.keep !== undefined) stamped = stamped.replace(/;\s*keep\s*(?=;|$)/i, `;keep=${stamp.keep}`);
  if (via.hasRport) stamped += `;rport=${stamp.port}`;
  if (via.hasRport || via.host.replace(/^\[|\]$/g, "") !== stamp.address) stamped += `;received=${stamp.address}`;
  return stamped;
}
