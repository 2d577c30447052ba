/** The names that requests are sent to, as RFC 3263 resolves them: each asked for once per lifetime of an answer, in a cache of limited size. */
import type { DnsRecords } from "./dns-records.js";
import { type ResolveOptions, resolveCandidates } from "./resolve-upstream.js";
import { type ResolvedTarget, toTargets } from "./resolved-target.js";
import type { UpstreamUri } from "./upstream-uri.js";

interface Entry {
  readonly targets: Promise<readonly ResolvedTarget[]>;
  /** Time of the clock; Infinity while it is being asked for. */
  until: number;
}

const MAX_NAMES = 4_096;

export class ResolvedNames {
  readonly #records: DnsRecords;
  readonly #options: ResolveOptions;
  readonly #most: number;
  /** The one that was used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(records: DnsRecords, options: ResolveOptions = {}, most = MAX_NAMES) {
    this.#records = records;
    this.#options = options;
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Rejects with ResolveError while the DNS fails; a failure is cached for a moment too. */
  targets(uri: UpstreamUri): Promise<readonly ResolvedTarget[]> {
    const key = `${uri.scheme} ${uri.host.toLowerCase()} ${uri.port ?? ""} ${uri.transport ?? ""}`;
    const known = this.#entries.get(key);
    const entry = known !== undefined && known.until > this.#records.clock.now() ? known : this.#ask(uri);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#makeRoom();
    return entry.targets;
  }

  #ask(uri: UpstreamUri): Entry {
    const resolution = resolveCandidates(uri, this.#records, this.#options);
    const entry: Entry = { targets: resolution.then(({ candidates }) => toTargets(candidates)), until: Infinity };
    resolution.then(
      ({ until }) => (entry.until = until),
      () => (entry.until = this.#records.retryTime()),
    );
    return entry;
  }

  #makeRoom(): void {
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
