/** Keeps the targets of all upstream URIs current: resolved at the start, and again when their DNS records expire. */
import { type Clock } from "./clock.js";
import type { DnsRecords } from "./dns-records.js";
import { type ResolveOptions, type Resolution, resolveCandidates } from "./resolve-upstream.js";
import { type Candidate, type ResolvedTarget, sameTargets, toTargets } from "./resolved-target.js";
import type { UpstreamUri } from "./upstream-uri.js";

export interface UpstreamsOptions extends ResolveOptions {
  readonly onChange: (targets: readonly ResolvedTarget[]) => void;
  /** A URI could not be resolved; what was known of it before stays in use. */
  readonly onFailure: (uri: UpstreamUri, error: Error) => void;
}

// The shortest interval between two resolutions, however short a TTL is and however long a failure lasts.
const LEAST_MS = 1_000;
const FAILURE_MS = 5_000;

export class Upstreams {
  readonly #uris: readonly UpstreamUri[];
  readonly #records: DnsRecords;
  readonly #clock: Clock;
  readonly #options: UpstreamsOptions;
  readonly #candidates: (readonly Candidate[])[];
  #targets: readonly ResolvedTarget[] = [];
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(uris: readonly UpstreamUri[], records: DnsRecords, options: UpstreamsOptions) {
    this.#uris = uris;
    this.#records = records;
    this.#clock = records.clock;
    this.#options = options;
    this.#candidates = uris.map(() => []);
  }

  get targets(): readonly ResolvedTarget[] {
    return this.#targets;
  }

  /** The URIs without targets: the DNS has none for them, or never answered. */
  get unresolved(): readonly UpstreamUri[] {
    return this.#uris.filter((_, index) => this.#candidates[index]?.length === 0);
  }

  /** Resolves everything once; onChange reports later changes. Never rejects. */
  async refresh(): Promise<void> {
    this.#cancel();
    const untils = await Promise.all(this.#uris.map((uri, index) => this.#resolve(uri, index)));
    if (this.#closed) return;
    const targets = toTargets(this.#candidates.flat());
    if (!sameTargets(targets, this.#targets)) {
      this.#targets = targets;
      this.#options.onChange(targets);
    }
    const until = Math.min(...untils);
    if (until === Infinity) return;
    this.#cancel = this.#clock.at(Math.max(until, this.#clock.now() + LEAST_MS), () => void this.refresh());
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #resolve(uri: UpstreamUri, index: number): Promise<number> {
    try {
      const resolution = await resolveCandidates(uri, this.#records, this.#options);
      this.#candidates[index] = ofUri(uri, resolution);
      return resolution.until;
    } catch (error) {
      this.#options.onFailure(uri, error instanceof Error ? error : new Error(String(error)));
      return this.#clock.now() + FAILURE_MS;
    }
  }
}

/** The operator's priority comes before that of the DNS, and a URI's weight is divided among its best candidates. */
function ofUri(uri: UpstreamUri, { candidates }: Resolution): readonly Candidate[] {
  const total = new Map<string, number>();
  const level = ({ ranks }: Candidate): string => ranks.join(".");
  for (const candidate of candidates) total.set(level(candidate), (total.get(level(candidate)) ?? 0) + candidate.share);
  return candidates.map((candidate) => ({
    ...candidate,
    ranks: [uri.priority, ...candidate.ranks],
    share: (uri.weight * candidate.share) / (total.get(level(candidate)) || 1),
  }));
}
