/** Where the edge listens: `udp:127.0.0.1:5060;advertise=edge.example.org:5060`, `wss:127.0.0.1:443;proxy=require`, `udp:10.0.0.1:5070-5073`. */
import { type Family, type HostPort, parsePort, showHostPort, splitHostPort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

const TRANSPORTS = ["udp", "tcp", "tls", "ws", "wss"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Whether connections begin with a load balancer's PROXY header: they must, they may, or (unset) they do not. */
const PROXY_RULES = ["accept", "require"] as const;
export type ProxyRule = (typeof PROXY_RULES)[number];

export interface Advertised extends HostPort {
  /** What clients speak, where a balancer takes TLS off before us: tls on a tcp listener, wss on a ws listener. */
  readonly transport?: Transport;
}

export interface Listener {
  readonly transport: Transport;
  /** A literal address, without brackets. */
  readonly host: string;
  /** 0: the kernel chooses. */
  readonly port: number;
  /** Of a range with a port for each shard. */
  readonly lastPort?: number;
  readonly family: Family;
  /** What Via, Path and Record-Route show instead of the bound address. */
  readonly advertise?: Advertised;
  readonly proxy?: ProxyRule;
}

/** The transport that clients use if a balancer in front of us terminates their TLS. */
const BEHIND_TLS: Partial<Record<Transport, Transport>> = { tcp: "tls", ws: "wss" };

const MAX_PORT = 65_535;

const WILDCARD = /^(?:0\.0\.0\.0|[0:]+)$/;

export function isWildcard(host: string): boolean {
  return WILDCARD.test(host);
}

const SYNTAX =
  "`TRANSPORT:ADDRESS:PORT` (udp, tcp, tls, ws, wss) with optional `;advertise=HOST:PORT` (`tls:HOST:PORT` or `wss:HOST:PORT` if a balancer terminates TLS in front of a tcp or ws listener), `;proxy=accept` or `;proxy=require`";

export const listener: Kind<Listener> = { syntax: SYNTAX, parse: (text) => parseListener(text, false) };

/** The core may have a port for each shard; clients need one that all shards share. */
export const coreListener: Kind<Listener> = { syntax: `${SYNTAX}; FIRST-LAST instead of PORT is a port for each shard`, parse: (text) => parseListener(text, true) };

function parseListener(text: string, mayBeRange: boolean): Listener {
  const [place = "", ...parameters] = text.split(";").map((part) => part.trim());
  const colon = place.indexOf(":");
  const name = place.slice(0, Math.max(colon, 0)).toLowerCase();
  const transport = TRANSPORTS.find((one) => one === name) ?? expected(`TRANSPORT:ADDRESS:PORT with one of ${TRANSPORTS.join(", ")}`);
  const { first, lastPort } = mayBeRange ? readRange(place.slice(colon + 1)) : { first: place.slice(colon + 1), lastPort: undefined };
  const address = splitHostPort(first);
  if (address?.port === undefined) return expected(`${transport}:ADDRESS:PORT with a port up to ${MAX_PORT}, an IPv6 address in brackets`);
  if (lastPort !== undefined && (address.port === 0 || lastPort <= address.port)) expected(`${transport}:ADDRESS:FIRST-LAST with the lower port first`);
  const { family, name: host } = address.host;
  if (family === undefined) return expected(`an IPv4 or bracketed IPv6 address to listen on, not the name ${host}`);
  const { advertise, proxy } = readParameters(parameters);
  if (advertise === undefined && isWildcard(host)) {
    expected(`;advertise=HOST:PORT after ${place}, because clients cannot send to that address`);
  }
  if (advertise?.transport !== undefined && advertise.transport !== BEHIND_TLS[transport]) {
    expected("advertise=tls:HOST:PORT for tcp or advertise=wss:HOST:PORT for ws, or no transport in it");
  }
  if (advertise?.transport !== undefined && proxy !== "require") {
    expected(`;proxy=require with advertise=${advertise.transport}:, because anyone else who reached this listener would count as having used TLS`);
  }
  if (proxy !== undefined && transport === "udp") expected("no ;proxy= for udp, because only connections begin with a PROXY header");
  const range = lastPort === undefined ? {} : { lastPort };
  if (advertise !== undefined && advertise.port + portsOf({ port: address.port, ...range }) - 1 > MAX_PORT) expected("advertise=HOST:PORT with room for as many ports as the range has");
  return Object.freeze({ transport, host, port: address.port, ...range, family, ...(advertise ? { advertise } : {}), ...(proxy ? { proxy } : {}) });
}

/** `HOST:FIRST-LAST` as `HOST:FIRST` and the last port. */
function readRange(place: string): { readonly first: string; readonly lastPort?: number } {
  const [, first = "", digits = ""] = /^(.*:\d+)-(\d+)$/.exec(place) ?? [];
  if (first === "") return { first: place };
  return { first, lastPort: parsePort(digits) ?? expected(`ports up to ${MAX_PORT}`) };
}

/** How many ports it opens: one, or a range with one for each shard. */
export function portsOf({ port, lastPort = port }: Pick<Listener, "port" | "lastPort">): number {
  return lastPort - port + 1;
}

function readParameters(parameters: readonly string[]): Pick<Listener, "advertise" | "proxy"> {
  const known = new Map<string, string>();
  for (const parameter of parameters) {
    const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(parameter) ?? [];
    const key = name.toLowerCase();
    if ((key !== "advertise" && key !== "proxy") || known.has(key)) expected("no parameter but one advertise=HOST:PORT and one proxy=accept or proxy=require");
    known.set(key, value);
  }
  const shown = known.get("advertise");
  const rule = known.get("proxy");
  return {
    ...(shown === undefined ? {} : { advertise: readAdvertise(shown) }),
    ...(rule === undefined ? {} : { proxy: PROXY_RULES.find((one) => one === rule) ?? expected("proxy=accept or proxy=require") }),
  };
}

function readAdvertise(value: string): Advertised {
  const [, transport, rest = value] = /^(tls|wss):(.*:.*)$/i.exec(value) ?? [];
  const place = splitHostPort(rest);
  if (!place?.port) return expected("advertise=HOST:PORT with a port from 1 to 65535");
  const spoken = TRANSPORTS.find((one) => one === transport?.toLowerCase());
  return Object.freeze({ host: place.host.name, port: place.port, ...(spoken ? { transport: spoken } : {}) });
}

export function isSecure(transport: Transport): boolean {
  return transport === "tls" || transport === "wss";
}

export function showListener({ transport, host, port, lastPort }: Pick<Listener, "transport" | "host" | "port" | "lastPort">): string {
  return `${transport}:${showHostPort(host, port)}${lastPort === undefined ? "" : `-${lastPort}`}`;
}

/** A listener for each of its ports. */
export function singlePorts({ lastPort, ...first }: Listener): readonly Listener[] {
  return Array.from({ length: portsOf({ port: first.port, ...(lastPort === undefined ? {} : { lastPort }) }) }, (_, at) => ({ ...first, port: first.port + at }));
}
