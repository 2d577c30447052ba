/** Where a copy goes: the flow of its binding, its first Route, or its Request-URI (RFC 3261 16.6 step 7, RFC 3263). */
import type { DnsRecords } from "../resolve/dns-records.js";
import { resolveUpstream } from "../resolve/resolve-upstream.js";
import { isTransport } from "../resolve/upstream-uri.js";
import { uriIn } from "../sip/name-addr.js";
import { parseUri } from "../sip/uri.js";
import type { Hop } from "../transaction/hop.js";
import { type Target, placeOf } from "./target.js";

/** Undefined: there is no way, or nobody knows it now. */
export async function nextHop(target: Target, records: DnsRecords): Promise<Hop | undefined> {
  if (target.hop !== undefined) return target.hop;
  const [first] = target.routes;
  const uri = first === undefined ? target.uri : (uriIn(first) ?? "");
  return placeOf(uri) ?? (await resolved(uri, records));
}

async function resolved(text: string, records: DnsRecords): Promise<Hop | undefined> {
  const uri = parseUri(text);
  if (uri === undefined) return undefined;
  const { scheme, host, port } = uri;
  const named = uri.parameters.find(({ name }) => name === "transport")?.value?.toLowerCase();
  const transport = scheme === "sips" ? "tls" : named;
  if (transport !== undefined && !isTransport(transport)) return undefined;
  const [place] = await resolveUpstream({ scheme, host, port, transport, priority: 0, weight: 1 }, records).catch(() => []);
  return place && { kind: "address", transport: place.transport, address: place.address, port: place.port, host };
}
