/** The parts of a SIP URI that RFC 3263 looks at, with the priority and weight that the operator gave it. */

export type Transport = "udp" | "tcp" | "tls";

export interface UpstreamUri {
  readonly scheme: "sip" | "sips";
  /** A literal address without brackets, or a name. */
  readonly host: string;
  /** Undefined: RFC 3263 chooses. */
  readonly port?: number | undefined;
  /** Undefined: RFC 3263 chooses. */
  readonly transport?: Transport | undefined;
  /** Among several URIs the one with the lowest number is used first. */
  readonly priority: number;
  /** Share among URIs of the same priority. */
  readonly weight: number;
}
