/** The parts of a SIP URI that RFC 3263 looks at, with the priority and weight that the operator gave it. */
import type { UpstreamTransport } from "../config/upstream.js";

export function isUpstreamTransport(text: string): text is UpstreamTransport {
  return text === "udp" || text === "tcp" || text === "tls";
}

/** RFC 3261 19.1.2. */
export function defaultPort(transport: UpstreamTransport): number {
  return transport === "tls" ? 5061 : 5060;
}

export interface UpstreamUri {
  readonly scheme: "sip" | "sips";
  /** A literal address without brackets, or a name. */
  readonly host: string;
  /** Undefined: RFC 3263 chooses. */
  readonly port?: number | undefined;
  /** Undefined: RFC 3263 chooses. */
  readonly transport?: UpstreamTransport | undefined;
  /** Among several URIs the one with the lowest number is used first. */
  readonly priority: number;
  /** Share among URIs of the same priority. */
  readonly weight: number;
}
