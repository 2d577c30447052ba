/**
 * What a module named by SLUICE_POLICY may export. Each hook sees one request, must return at once (no promise), and is optional. What it
 * leaves undefined, the built-in policy decides. With such a module each request costs an object and a copy of its octets.
 */
import type { PolicyRequest } from "./policy-request.js";
import type { UpgradeRequest } from "./upgrade-request.js";

export interface Policy {
  /** True or false: whether this client's request asks for outbound, overriding the signs of RFC 5626. */
  readonly isOutboundRequested?: (request: PolicyRequest) => boolean | undefined;
  /** True: this client gets a flow token whatever its request says, as SLUICE_OUTBOUND=force gives one to all. */
  readonly forceOutbound?: (request: PolicyRequest) => boolean | undefined;
  /** False: 403. An ACK is dropped. */
  readonly allow?: (request: PolicyRequest) => boolean | undefined;
  /** One of `request.upstreams` that a request bound for the upstream goes to. */
  readonly route?: (request: PolicyRequest) => string | undefined;
  /** True: an emergency. When the upstream is busy, its REGISTER waits for no other, like one with `sos` in its Contact (3GPP TS 24.229); it also passes a server that drains. A registrar or standalone server has this hook alone, and asks it about what its drain turns away. */
  readonly isUrgent?: (request: PolicyRequest) => boolean | undefined;
  /** An answer of the edge's own; the request goes no further. */
  readonly reply?: (request: PolicyRequest) => PolicyReply | undefined;
  /** Whether a WebSocket may be opened (RFC 7118 7). False: 403; or an HTTP answer of its own, such as 401 with a challenge. */
  readonly upgrade?: (request: UpgradeRequest) => boolean | UpgradeReply | undefined;
}

export interface UpgradeReply {
  /** 101 agrees; 200 to 599 refuses. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PolicyReply {
  /** 200 to 699. */
  readonly status: number;
  /** Unset: the usual phrase. */
  readonly reason?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const HOOKS = ["isOutboundRequested", "forceOutbound", "allow", "route", "isUrgent", "reply", "upgrade"] as const satisfies readonly (keyof Policy)[];

/** Throws one line when the module is not a policy. */
export async function loadPolicy(url: string): Promise<Policy> {
  const module: unknown = await import(url);
  const exported = new Map<string, unknown>(Object.entries(module as object));
  for (const [name, value] of exported) {
    if (!(HOOKS as readonly string[]).includes(name)) throw new Error(`SLUICE_POLICY: unknown hook ${name}; the hooks are ${HOOKS.join(", ")}`);
    if (typeof value !== "function") throw new Error(`SLUICE_POLICY: ${name} is not a function`);
  }
  return Object.fromEntries(exported);
}

/** A hook's answer. A request cannot wait for a promise, and a promise must not pass for a yes. */
export function saidAtOnce<T>(hook: string, said: T): T {
  if (typeof (said as { then?: unknown } | undefined)?.then !== "function") return said;
  // Its own rejection is reported with this one.
  Promise.resolve(said).catch(() => undefined);
  throw new Error(`the hook ${hook} returned a promise; a hook must return at once, so keep what it needs at hand`);
}
