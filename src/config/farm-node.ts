/** The edges of a farm: the number that each has in its tokens, where the others reach it, and its admin plane; or the domain that says so. */
import { type HostPort, parsePort, splitHostPort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";
import { type Upstream, type UpstreamTransport, upstream } from "./upstream.js";

/** A token has seven bits for it. */
export const MAX_NODE = 127;

export interface FarmNode {
  readonly node: number;
  readonly uri: Upstream;
  /** Undefined: nobody asks it. */
  readonly admin: HostPort | undefined;
}

/** A domain whose SRV records are the edges: target and port of each, and its number as weight. */
export interface FarmDomain {
  readonly uri: Upstream & { readonly transport: UpstreamTransport };
  /** Of the admin plane of each, on the host of its core side. */
  readonly adminPort: number | undefined;
}

export type FarmPlace = FarmNode | FarmDomain;

export const farmPlace: Kind<FarmPlace> = {
  syntax: "`NODE=sip:HOST:PORT` or `NODE=sips:HOST:PORT` with optional `;transport=udp` (tcp, tls) and `;admin=HOST:PORT`; or `sip:DOMAIN;transport=udp` (tcp, tls) alone, with optional `;admin=PORT`",
  parse: (text) => {
    const [, place] = /;admin=([^;]*)/i.exec(text) ?? [];
    const [, digits, rest = ""] = /^(?:(\d{1,3})=)?(.+)$/.exec(text.replace(/;admin=[^;]*/i, "")) ?? [];
    if (digits === undefined && !/^sips?:/i.test(rest)) return expected("each edge with its number, such as 1=sip:10.0.0.1:5060,2=sip:10.0.0.2:5060, or one domain whose SRV records are the edges, such as sip:farm.example.com;transport=tcp");
    if (digits === undefined) return domainOf(rest, place);
    if (Number(digits) > MAX_NODE) return expected(`NODE=URI with a node from 0 to ${MAX_NODE}, such as 2=sip:10.0.0.2:5060`);
    return Object.freeze({ node: Number(digits), uri: upstream.parse(rest), admin: place === undefined ? undefined : adminOf(place) });
  },
};

export function isDomain(place: FarmPlace): place is FarmDomain {
  return "adminPort" in place;
}

export function isNode(place: FarmPlace): place is FarmNode {
  return !isDomain(place);
}

function domainOf(text: string, place: string | undefined): FarmDomain {
  const uri = upstream.parse(text);
  const { family, port, transport } = uri;
  if (family !== undefined || port !== undefined) return expected(`NODE=URI with a node from 0 to ${MAX_NODE}, such as 2=sip:10.0.0.2:5060, or a domain without a port, whose SRV records are the edges`);
  if (transport === undefined) return expected("the transport between the edges after the domain, such as sip:farm.example.com;transport=tcp, or sips:");
  const adminPort = place === undefined ? undefined : parsePort(place);
  if (place !== undefined && (adminPort === undefined || adminPort === 0)) return expected("the port of the admin planes after admin=, because the SRV records name the hosts");
  return Object.freeze({ uri: Object.freeze({ ...uri, transport }), adminPort });
}

function adminOf(text: string): HostPort {
  const place = splitHostPort(text);
  if (place?.port === undefined || place.port === 0) return expected("HOST:PORT after admin=, where that edge's SLUICE_ADMIN_LISTEN is");
  return Object.freeze({ host: place.host.name, port: place.port });
}
