/** Who a request is for: devices, each with the flows by which it can be reached (RFC 3261 16.5, RFC 5626 7). */
import { isIP } from "node:net";
import type { Binding } from "../location/binding.js";
import { defaultPort, isTransport } from "../resolve/upstream-uri.js";
import type { Hop } from "../transaction/hop.js";

/** One way to one device. */
export interface Target {
  /** The Request-URI that it gets. */
  readonly uri: string;
  /** Undefined: the host of the next URI has yet to be resolved. */
  readonly hop: Hop | undefined;
  /** The Path of the binding, the top value first. */
  readonly routes: readonly string[];
  /** Undefined: not from the location store. */
  readonly binding: Binding | undefined;
}

/** At any time at most one of its targets is tried (RFC 5626 7). */
export interface Device {
  readonly name: string;
  /** Thousandths. */
  readonly q: number;
  readonly targets: readonly Target[];
}

/** Bindings with an instance and outbound are flows of one device; every other binding is a device of its own. */
export function devicesOf(bindings: readonly Binding[], hopOf: (binding: Binding) => Hop | undefined): readonly Device[] {
  const groups = new Map<string, Binding[]>();
  // The most recent flow first: it is the likeliest to live.
  for (const binding of [...bindings].sort((one, other) => other.updatedAt - one.updatedAt)) {
    const name = deviceName(binding);
    const group = groups.get(name);
    if (group) group.push(binding);
    else groups.set(name, [binding]);
  }
  return [...groups].map(([name, group]) => ({
    name,
    q: Math.max(...group.map(({ q }) => q)),
    targets: group.map((binding) => targetOf(binding, hopOf(binding))),
  }));
}

function targetOf(binding: Binding, hop: Hop | undefined): Target {
  return { uri: requestUri(binding.contactUri), hop, routes: hop === undefined ? binding.path : [], binding };
}

export function deviceName(binding: Binding): string {
  if (binding.outbound && binding.instance !== undefined) return `instance ${binding.instance}`;
  return `contact ${requestUri(binding.contactUri)} ${binding.flow ?? binding.path.join()}`;
}

/** A binding that was renewed is another way, even under its old key. */
export function identityOf({ aor, key, updatedAt }: Binding): string {
  return `${aor} ${key} ${updatedAt}`;
}

/** Devices in the order of their q: those of one group are tried at once (RFC 3261 16.6). */
export function groupsByQ(devices: readonly Device[]): Device[][] {
  const levels = [...new Set(devices.map(({ q }) => q))].sort((one, other) => other - one);
  return levels.map((q) => devices.filter((device) => device.q === q));
}

/** What no Request-URI may have is taken out: headers and the method parameter (RFC 3261 19.1.1). */
export function requestUri(contact: string): string {
  const [uri = ""] = contact.split("?");
  return uri.replace(/;\s*method\s*=[^;]*/i, "");
}

/** The place that a URI names by address: no DNS needed. Undefined: a name, or a transport that neighbours do not speak. */
export function placeOf(uri: string): Extract<Hop, { kind: "address" }> | undefined {
  const [, scheme = "", host = "", port, rest = ""] = /^(sips?):(?:[^@]*@)?(\[[^\]]*\]|[^:;?]+)(?::(\d+))?(.*)$/i.exec(uri) ?? [];
  const maddr = /;\s*maddr=([^;?]*)/i.exec(rest)?.[1];
  const address = (maddr ?? host).replace(/^\[|\]$/g, "");
  const named = /;\s*transport=([^;?\s]*)/i.exec(rest)?.[1]?.toLowerCase() ?? "udp";
  const transport = scheme.toLowerCase() === "sips" ? "tls" : named;
  if (isIP(address) === 0 || !isTransport(transport)) return undefined;
  return { kind: "address", transport, address, port: port === undefined ? defaultPort(transport) : Number(port), host: address };
}
