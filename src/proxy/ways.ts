/** The ways to a target: the flow of its binding, or the addresses of its first Route, its Contact or its Request-URI (RFC 3261 16.6 step 7, RFC 3263 4). */
import type { ResolvedNames } from "../resolve/resolved-names.js";
import { inTryingOrder } from "../resolve/resolved-target.js";
import { isUpstreamTransport } from "../resolve/upstream-uri.js";
import { uriIn } from "../sip/name-addr.js";
import { parseUri } from "../sip/uri.js";
import type { Hop } from "../transaction/hop.js";
import { type Target, addressHopOf } from "./target.js";

/** The best first. Empty: there is none, or the name cannot be resolved now. */
export async function waysTo({ hops, routes: [first], uri: requestUri, binding }: Target, names: ResolvedNames): Promise<readonly Hop[]> {
  // Only its own shard knows whether a connection lives, so behind it comes what is done when it does not.
  if (hops !== undefined) return binding?.direct === true ? [...hops, ...(await addressesOf(binding.contactUri, names))] : hops;
  return addressesOf(first === undefined ? (binding?.contactUri ?? requestUri) : (uriIn(first) ?? ""), names);
}

async function addressesOf(uri: string, names: ResolvedNames): Promise<readonly Hop[]> {
  const place = addressHopOf(uri);
  return place === undefined ? byName(uri, names) : [place];
}

async function byName(text: string, names: ResolvedNames): Promise<readonly Hop[]> {
  const uri = parseUri(text);
  if (uri === undefined) return [];
  const { scheme, host, port } = uri;
  const named = uri.parameters.find(({ name }) => name === "transport")?.value?.toLowerCase();
  const transport = scheme === "sips" ? "tls" : named;
  if (transport !== undefined && !isUpstreamTransport(transport)) return [];
  const places = await names.targets({ scheme, host, port, transport, priority: 0, weight: 1 }).catch(() => []);
  return inTryingOrder(places).map((place) => ({ kind: "address", transport: place.transport, address: place.address, port: place.port, host }));
}
