/** The edges of a farm in the SRV records of a domain: the weight is the number of an edge, and a priority would mean nothing. */
import type { SrvRecord } from "node:dns";
import { type FarmDomain, type FarmNode, MAX_NODE } from "../config/farm-node.js";
import { parseHost } from "../config/host-port.js";
import { serviceName } from "./resolve-upstream.js";

export function serviceOf({ uri }: FarmDomain): string {
  return serviceName(uri.transport, uri.host);
}

/** Records that say nothing sound are left out, both of two with one number: a token must never have two ways. */
export function nodesOf(domain: FarmDomain, records: readonly SrvRecord[]): { readonly nodes: readonly FarmNode[]; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const nodes = records.flatMap(({ name, port, priority, weight }) => {
    const fault = faultOf({ name, port, priority, weight }, records);
    if (fault === undefined) return [nodeOf(domain, weight, name, port)];
    faults.push(`SRV ${priority} ${weight} ${port} ${name}: ${fault}`);
    return [];
  });
  return { nodes: nodes.sort((one, other) => one.node - other.node), faults };
}

function faultOf({ name, port, priority, weight }: SrvRecord, all: readonly SrvRecord[]): string | undefined {
  if (priority !== 0) return "expected priority 0, because a token leads to one edge and to no other";
  if (weight < 1 || weight > MAX_NODE) return `expected the number of the edge as weight, from 1 to ${MAX_NODE}`;
  if (port === 0 || parseHost(name) === undefined) return "expected a host and a port";
  return all.filter((other) => other.weight === weight).length > 1 ? `expected node ${weight} once` : undefined;
}

function nodeOf({ uri, adminPort }: FarmDomain, node: number, host: string, port: number): FarmNode {
  return { node, uri: { ...uri, host: host.toLowerCase(), port }, admin: adminPort === undefined ? undefined : { host, port: adminPort } };
}
