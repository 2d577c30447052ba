/** From a SIP URI to the targets that a request for it may be sent to, in the order of RFC 3263 4.1 and 4.2. */
import type { NaptrRecord } from "node:dns";
import { isIP } from "node:net";
import type { DnsAnswer, DnsRecords } from "./dns-records.js";
import { type HostOptions, hostAddresses } from "./host-addresses.js";
import { type Candidate, type ResolvedTarget, toTargets } from "./resolved-target.js";
import type { UpstreamTransport } from "../config/upstream.js";
import { type UpstreamUri, defaultPort } from "./upstream-uri.js";

export interface ResolveOptions extends HostOptions {
  /** The transports to choose from where the URI names none, the preferred one first. */
  readonly transports?: readonly UpstreamTransport[] | undefined;
  /** Milliseconds for all of it together. */
  readonly timeLimitMs?: number | undefined;
}

export interface Resolution {
  /** Empty: according to the DNS there are none. */
  readonly candidates: readonly Candidate[];
  /** Time of the clock at which this should be asked again; Infinity: never. */
  readonly until: number;
}

const TIME_LIMIT_MS = 2_000;
const SERVICES: Readonly<Record<string, UpstreamTransport>> = { "sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls" };

/** RFC 3263 4.1: TLS is the service sips over tcp. */
export function serviceName(transport: UpstreamTransport, host: string): string {
  return transport === "tls" ? `_sips._tcp.${host}` : `_sip._${transport}.${host}`;
}

/** Throws ResolveError when the DNS fails or takes longer than the time limit. */
export async function resolveUpstream(uri: UpstreamUri, records: DnsRecords, options: ResolveOptions = {}): Promise<readonly ResolvedTarget[]> {
  return toTargets((await resolveCandidates(uri, records, options)).candidates);
}

/** The same, with the ranks needed to merge several URIs and the time at which to ask again. */
export async function resolveCandidates(uri: UpstreamUri, records: DnsRecords, options: ResolveOptions = {}): Promise<Resolution> {
  const search = new Search(uri, records, options);
  return { candidates: await search.run(), until: search.until };
}

class Search {
  readonly #uri: UpstreamUri;
  readonly #records: DnsRecords;
  readonly #options: ResolveOptions;
  readonly #transports: readonly UpstreamTransport[];
  readonly #deadline: number;
  until = Infinity;

  constructor(uri: UpstreamUri, records: DnsRecords, options: ResolveOptions) {
    this.#uri = uri;
    this.#records = records;
    this.#options = options;
    this.#transports = uri.scheme === "sips" ? ["tls"] : (options.transports ?? ["udp", "tcp"]);
    this.#deadline = records.clock.now() + (options.timeLimitMs ?? TIME_LIMIT_MS);
  }

  async run(): Promise<readonly Candidate[]> {
    const { scheme, host, port } = this.#uri;
    const transport = scheme === "sips" ? "tls" : this.#uri.transport;
    // RFC 3263 4.1 and 4.2: with an address or a port there is no NAPTR or SRV query.
    const chosen = transport ?? "udp";
    if (isIP(host) || port !== undefined) return this.#hosts([{ name: host, port: port ?? defaultPort(chosen), rank: 0, share: 1 }], chosen);
    if (transport !== undefined) return this.#byService(transport, serviceName(transport, host));
    const naptr = (await this.#get("NAPTR", host)).filter(({ service }) => /^sips?\+d2/i.test(service));
    return naptr.length > 0 ? this.#byNaptr(naptr) : this.#withoutNaptr();
  }

  /** The first service that we support, in the domain's own order (RFC 3263 4.1). */
  async #byNaptr(naptr: readonly NaptrRecord[]): Promise<readonly Candidate[]> {
    const ordered = [...naptr].sort((one, other) => one.order - other.order || one.preference - other.preference);
    const ours = ordered.flatMap(({ flags, service, replacement }) => {
      const transport = Object.hasOwn(SERVICES, service.toLowerCase()) ? SERVICES[service.toLowerCase()] : undefined;
      const speaks = transport !== undefined && this.#transports.includes(transport);
      return speaks && flags.toLowerCase() === "s" && replacement !== "" ? [{ transport, replacement }] : [];
    });
    for (const { transport, replacement } of ours) {
      const found = await this.#services(transport, replacement);
      if (found !== undefined) return found;
    }
    const [first] = ours;
    return first === undefined ? [] : this.#plain(first.transport);
  }

  async #withoutNaptr(): Promise<readonly Candidate[]> {
    const absent: UpstreamTransport[] = [];
    for (const transport of this.#transports) {
      const found = await this.#services(transport, serviceName(transport, this.#uri.host));
      if (found !== undefined && found.length > 0) return found;
      if (found === undefined) absent.push(transport);
    }
    const [first] = absent;
    return first === undefined ? [] : this.#plain(first);
  }

  async #byService(transport: UpstreamTransport, name: string): Promise<readonly Candidate[]> {
    return (await this.#services(transport, name)) ?? this.#plain(transport);
  }

  /** Undefined: there are no SRV records of that name. Empty: the service is explicitly not available (RFC 2782, target "."). */
  async #services(transport: UpstreamTransport, name: string): Promise<readonly Candidate[] | undefined> {
    const srv = await this.#get("SRV", name);
    if (srv.length === 0) return undefined;
    const places = srv.filter((record) => record.name !== "" && record.name !== "." && record.port > 0);
    const sums = new Map<number, number>();
    for (const { priority, weight } of places) sums.set(priority, (sums.get(priority) ?? 0) + weight);
    return this.#hosts(
      places.map((record) => ({
        name: record.name,
        port: record.port,
        rank: record.priority,
        // If all weights are 0, all are equal.
        share: sums.get(record.priority) === 0 ? 1 : record.weight,
      })),
      transport,
    );
  }

  /** RFC 3263 4.2: no SRV, so the domain name itself is the host, at the default port. */
  #plain(transport: UpstreamTransport): Promise<readonly Candidate[]> {
    return this.#hosts([{ name: this.#uri.host, port: defaultPort(transport), rank: 0, share: 1 }], transport);
  }

  /** Several addresses of one host divide its share, rather than multiplying it. */
  async #hosts(places: readonly Place[], transport: UpstreamTransport): Promise<readonly Candidate[]> {
    const found = await Promise.allSettled(
      places.map(async ({ name, port, rank, share }) => {
        const { addresses, until } = await hostAddresses(name, this.#records, this.#options, this.#deadline);
        this.until = Math.min(this.until, until);
        return addresses.map(({ address, familyRank }) => ({
          transport,
          address,
          port,
          name: this.#uri.host.toLowerCase(),
          ranks: [rank, familyRank],
          share: share / addresses.filter((one) => one.familyRank === familyRank).length,
        }));
      }),
    );
    const candidates = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    const failed = found.find((one) => one.status === "rejected");
    if (failed === undefined) return candidates;
    // The ones found will do; the rest is asked for again soon.
    if (candidates.length === 0) throw failed.reason;
    this.until = Math.min(this.until, this.#records.retryTime());
    return candidates;
  }

  async #get<Type extends "SRV" | "NAPTR">(type: Type, name: string): Promise<DnsAnswer<Type>["records"]> {
    const { records, until } = await this.#records.get(type, name, this.#deadline);
    this.until = Math.min(this.until, until);
    return records;
  }
}

interface Place {
  readonly name: string;
  readonly port: number;
  readonly rank: number;
  readonly share: number;
}
