/** Where the edge listens: `udp:127.0.0.1:5060;advertise=edge.example.org:5060`, `wss:127.0.0.1:443;proxy=require`. */
import { type Family, type HostPort, showHostPort, splitHostPort } from "./host-port.js";
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
  readonly family: Family;
  /** What Via, Path and Record-Route show instead of the bound address. */
  readonly advertise?: Advertised;
  readonly proxy?: ProxyRule;
}

/** The transport that clients use if a balancer in front of us terminates their TLS. */
const BEHIND_TLS: Partial<Record<Transport, Transport>> = { tcp: "tls", ws: "wss" };

const WILDCARD = /^(?:0\.0\.0\.0|[0:]+)$/;

export function isWildcard(host: string): boolean {
  return WILDCARD.test(host);
}

export const listener: Kind<Listener> = {
  syntax: "`TRANSPORT:ADDRESS:PORT` (udp, tcp, tls, ws, wss) with optional `;advertise=HOST:PORT` (`tls:HOST:PORT` or `wss:HOST:PORT` if a balancer terminates TLS in front of a tcp or ws listener), `;proxy=accept` or `;proxy=require`",
  parse: (text) => {
    const [place = "", ...parameters] = text.split(";").map((part) => part.trim());
    const colon = place.indexOf(":");
    const name = place.slice(0, Math.max(colon, 0)).toLowerCase();
    const transport = TRANSPORTS.find((one) => one === name) ?? expected(`TRANSPORT:ADDRESS:PORT with one of ${TRANSPORTS.join(", ")}`);
    const address = splitHostPort(place.slice(colon + 1));
    if (address?.port === undefined) return expected(`${transport}:ADDRESS:PORT, an IPv6 address in brackets`);
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
    return Object.freeze({ transport, host, port: address.port, family, ...(advertise ? { advertise } : {}), ...(proxy ? { proxy } : {}) });
  },
};

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

export function showListener({ transport, host, port }: Pick<Listener, "transport" | "host" | "port">): string {
  return `${transport}:${showHostPort(host, port)}`;
}
