/** Where requests of clients go: a SIP URI that RFC 3263 resolves, with a priority and a weight among several. */
import { type Family, showHostPort, splitHostPort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";
import type { Transport } from "./listener.js";

/** What neighbours are reached by; WebSocket is for clients (RFC 7118 5). */
export type UpstreamTransport = Exclude<Transport, "ws" | "wss">;

export interface Upstream {
  readonly scheme: "sip" | "sips";
  /** A literal address without brackets, or a name. */
  readonly host: string;
  /** Undefined: a name to be resolved. */
  readonly family: Family | undefined;
  /** Undefined: RFC 3263 chooses. */
  readonly port: number | undefined;
  /** Undefined: RFC 3263 chooses. */
  readonly transport: UpstreamTransport | undefined;
  /** The lowest one that is alive is used. */
  readonly priority: number;
  /** Share among targets of the same priority. */
  readonly weight: number;
}

export const upstream: Kind<Upstream> = {
  syntax: "`sip:HOST:PORT` or `sips:HOST:PORT` with optional `;transport=udp` (tcp, tls), `;priority=N`, `;weight=N`",
  parse: (text) => {
    const [, scheme = "", place = "", tail = ""] = /^([a-z]+):([^;]*)(.*)$/i.exec(text) ?? [];
    const known = (["sip", "sips"] as const).find((one) => one === scheme.toLowerCase());
    if (known === undefined) return expected("a SIP URI such as sip:registrar.example.org:5060;transport=udp");
    if (/[@?]/.test(text)) expected("a SIP URI without a user part and without headers");
    const address = splitHostPort(place);
    if (address === undefined || address.port === 0) return expected("sip:HOST or sip:HOST:PORT, an IPv6 address in brackets");
    const parameters = readParameters(tail);
    return Object.freeze({
      scheme: known,
      host: address.host.name,
      family: address.host.family,
      port: address.port,
      transport: readTransport(parameters.get("transport"), known),
      priority: readNumber(parameters, "priority", 0),
      weight: readNumber(parameters, "weight", 1),
    });
  },
};

function readParameters(tail: string): Map<string, string> {
  const known = new Map<string, string>();
  for (const parameter of tail.split(";").slice(1)) {
    const [name = "", value = ""] = parameter.trim().toLowerCase().split("=", 2);
    // Harmless, and often copied from route sets.
    if (name === "lr") continue;
    if (!["transport", "priority", "weight"].includes(name)) expected("no URI parameter but transport, priority and weight");
    if (known.has(name)) expected(`the parameter ${name} once`);
    known.set(name, value);
  }
  return known;
}

/** A sips: URI means TLS; transport=tcp only names what TLS runs over (RFC 3261 26.2.2). */
function readTransport(text: string | undefined, scheme: Upstream["scheme"]): UpstreamTransport | undefined {
  if (scheme === "sips") return text === undefined || text === "tcp" || text === "tls" ? "tls" : expected("no transport but tls after sips:");
  if (text === undefined || text === "udp" || text === "tcp" || text === "tls") return text;
  return expected("transport=udp, transport=tcp or transport=tls");
}

function readNumber(parameters: ReadonlyMap<string, string>, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === undefined) return otherwise;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return value <= 65_535 ? value : expected(`${name}=N with a number from 0 to 65535`);
}

export function showUpstream({ scheme, host, port, transport }: Pick<Upstream, "scheme" | "host"> & Partial<Pick<Upstream, "port" | "transport">>): string {
  return `${scheme}:${showHostPort(host, port)}${transport === undefined || scheme === "sips" ? "" : `;transport=${transport}`}`;
}
