/** Whom a request is for: devices, each with the flows that lead to it (RFC 3261 16.5, RFC 5626 7). */
import { isIP } from "node:net";
import type { Binding } from "../location/binding.js";
import { defaultPort, isUpstreamTransport } from "../resolve/upstream-uri.js";
import { findParameter } from "../sip/parameters.js";
import { asRequestUri, parseUri } from "../sip/uri.js";
import type { Hop } from "../transaction/hop.js";

/** One way to one device. */
export interface Target {
  /** The Request-URI of its copy. */
  readonly uri: string;
  /** The ways to it, the best first; undefined: the first Route has yet to be resolved, or without one the Contact of the binding. */
  readonly hops: readonly Hop[] | undefined;
  /** The Path of the binding, the top value first. */
  readonly routes: readonly string[];
  /** Undefined: not from the location store. */
  readonly binding: Binding | undefined;
}

/** At most one of its targets is tried at a time (RFC 5626 7). */
export interface Device {
  readonly name: string;
  /** Thousandths. */
  readonly q: number;
  readonly targets: readonly Target[];
}

/** How a binding is reached: over its flow, by its Path, or at its Contact. */
export type Reach = Hop | "path" | "contact";

/** Bindings with an instance and outbound are flows of one device; every other binding is a device of its own. */
export function devicesOf(bindings: ReadonlyMap<Binding, Reach>, wasSilent: (binding: Binding) => boolean): readonly Device[] {
  const groups = new Map<string, Binding[]>();
  // The most recent flow first, as it is the most likely to be alive; those that stayed silent a moment ago come last. The store names the
  // most recent one last, which decides between those of the same millisecond.
  const silent = new Set([...bindings.keys()].filter(wasSilent));
  const rank = (binding: Binding): number => Number(silent.has(binding));
  for (const binding of [...bindings.keys()].reverse().sort((one, other) => rank(one) - rank(other) || other.updatedAt - one.updatedAt)) {
    const name = deviceName(binding);
    const group = groups.get(name);
    if (group) group.push(binding);
    else groups.set(name, [binding]);
  }
  return [...groups].map(([name, group]) => ({
    name,
    q: Math.max(...group.map(({ q }) => q)),
    targets: group.map((binding) => targetOf(binding, bindings.get(binding) ?? "contact")),
  }));
}

function targetOf(binding: Binding, reach: Reach): Target {
  const hops = reach === "path" || reach === "contact" ? undefined : [reach];
  return { uri: asRequestUri(binding.contactUri), hops, routes: reach === "path" ? binding.path : [], binding };
}

function deviceName(binding: Binding): string {
  if (binding.outbound && binding.instance !== undefined) return `instance ${binding.instance}`;
  return `contact ${asRequestUri(binding.contactUri)} ${binding.flow ?? binding.path.join()}`;
}

/** The owner of a flow: what it is known by after its end. */
export function ownerOf({ aor, key, outbound, instance = "" }: Binding): string {
  return `${aor}\n${outbound ? instance : ""}\n${key}`;
}

/** The bindings of the device that `ownerOf` named: the flows of its instance, or the one Contact. */
export function ofOwner(owner: string): { readonly aor: string; readonly owns: (binding: Binding) => boolean } {
  const [aor = "", instance = "", key = ""] = owner.split("\n");
  return { aor, owns: (binding) => (instance === "" ? binding.key === key : binding.outbound && binding.instance === instance) };
}

/** A refreshed binding is another way, even under the same key. */
export function identityOf({ aor, key, updatedAt }: Binding): string {
  return `${aor} ${key} ${updatedAt}`;
}

/** Devices in the order of their q: those of one group are tried in parallel (RFC 3261 16.6). */
export function groupsByQ(devices: readonly Device[]): Device[][] {
  const levels = [...new Set(devices.map(({ q }) => q))].sort((one, other) => other - one);
  return levels.map((q) => devices.filter((device) => device.q === q));
}

/** The hop that a URI names by address, without DNS. Undefined: a name, or a transport that neighbours do not speak. */
export function addressHopOf(uri: string): Extract<Hop, { kind: "address" }> | undefined {
  const read = parseUri(uri);
  if (read === undefined) return undefined;
  const { scheme, host, port, parameters } = read;
  const address = (findParameter(parameters, "maddr")?.value ?? host).replace(/^\[|\]$/g, "");
  const transport = scheme === "sips" ? "tls" : (findParameter(parameters, "transport")?.value?.toLowerCase() ?? "udp");
  if (isIP(address) === 0 || !isUpstreamTransport(transport)) return undefined;
  return { kind: "address", transport, address, port: port ?? defaultPort(transport), host: address };
}
