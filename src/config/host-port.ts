/** Hosts and ports as SIP writes them: IPv6 addresses in brackets (RFC 3261 25.1). */
import { isIPv4, isIPv6 } from "node:net";

export type Family = 4 | 6;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A host without its brackets, in lower case. */
export interface Host {
  readonly name: string;
  /** Undefined: a DNS name. */
  readonly family: Family | undefined;
}

// Labels of letters, digits and inner hyphens; the last one begins with a letter (RFC 3261 25.1, hostname).
const NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\.?$/i;

export function parseHost(text: string): Host | undefined {
  const inside = /^\[(.*)\]$/.exec(text)?.[1];
  // A zone such as %eth0 means nothing to the peer.
  if (inside !== undefined) return isIPv6(inside) && !inside.includes("%") ? { name: inside.toLowerCase(), family: 6 } : undefined;
  if (isIPv4(text)) return { name: text, family: 4 };
  return isHostName(text) ? { name: text.toLowerCase(), family: undefined } : undefined;
}

function isHostName(text: string): boolean {
  return text.length <= 253 && NAME.test(text);
}

export function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

/** Splits `HOST:PORT` or `[V6]:PORT`, either with or without the port; undefined when it is neither. */
export function splitHostPort(text: string): { readonly host: Host; readonly port: number | undefined } | undefined {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
  const host = parseHost(parts?.[1] ?? "");
  if (host === undefined) return undefined;
  const digits = parts?.[2];
  if (digits === undefined) return { host, port: undefined };
  const port = parsePort(digits);
  return port === undefined ? undefined : { host, port };
}

export function showHostPort(host: string, port: number | undefined): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}
