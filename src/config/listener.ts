/** Where the edge listens: `udp:127.0.0.1:5060;advertise=edge.example.org:5060`. */
import { type Family, type HostPort, showHostPort, splitHostPort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

export type Transport = "udp" | "tcp";

export interface Listener {
  readonly transport: Transport;
  /** A literal address, without brackets. */
  readonly host: string;
  /** 0: the kernel chooses. */
  readonly port: number;
  readonly family: Family;
  /** What Via, Path and Record-Route show instead of the bound address. */
  readonly advertise?: HostPort;
}

const LATER = new Set(["tls", "ws", "wss"]);
const WILDCARD = /^(?:0\.0\.0\.0|[0:]+)$/;

export const listener: Kind<Listener> = {
  syntax: "`TRANSPORT:ADDRESS:PORT` with optional `;advertise=HOST:PORT`",
  parse: (text) => {
    const [place = "", ...parameters] = text.split(";").map((part) => part.trim());
    const colon = place.indexOf(":");
    const transport = place.slice(0, Math.max(colon, 0)).toLowerCase();
    if (LATER.has(transport)) expected(`a listener over udp or tcp: ${transport} is not in this version`);
    if (transport !== "udp" && transport !== "tcp") expected("udp:ADDRESS:PORT or tcp:ADDRESS:PORT");
    const address = splitHostPort(place.slice(colon + 1));
    if (address?.port === undefined) return expected(`${transport}:ADDRESS:PORT, an IPv6 address in brackets`);
    const { family, name: host } = address.host;
    if (family === undefined) return expected(`an IPv4 or bracketed IPv6 address to listen on, not the name ${host}`);
    const advertise = readAdvertise(parameters);
    if (advertise === undefined && WILDCARD.test(host)) {
      expected(`;advertise=HOST:PORT behind ${place}, for nobody can send to that address`);
    }
    return Object.freeze({ transport, host, port: address.port, family, ...(advertise ? { advertise } : {}) });
  },
};

function readAdvertise(parameters: readonly string[]): HostPort | undefined {
  let advertise: HostPort | undefined;
  for (const parameter of parameters) {
    const value = /^advertise=(.*)$/i.exec(parameter)?.[1];
    if (value === undefined || advertise !== undefined) return expected("no parameter but one advertise=HOST:PORT");
    const place = splitHostPort(value);
    if (!place?.port) return expected("advertise=HOST:PORT with a port from 1 to 65535");
    advertise = Object.freeze({ host: place.host.name, port: place.port });
  }
  return advertise;
}

export function showListener({ transport, host, port }: Listener): string {
  return `${transport}:${showHostPort(host, port)}`;
}
