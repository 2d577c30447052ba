/**
 * Answers of the DNS by name and type: kept for their TTL, absence too (RFC 2308), and beyond that while the servers fail, because
 * a stale answer is better than none (RFC 8767), and a failure proves nothing about the name.
 */
import type { NaptrRecord, RecordWithTtl, Resolver as CallbackResolver, SrvRecord, promises } from "node:dns";
import { type Clock, systemClock, within } from "./clock.js";
import { ResolveError } from "./resolve-error.js";

/** The part of node:dns's promise resolver that is used; `new dns.promises.Resolver()` is one. */
export type DnsResolver = Pick<promises.Resolver, "resolve4" | "resolve6" | "resolveSrv" | "resolveNaptr"> & Pick<CallbackResolver, "cancel">;

interface RecordsOf {
  readonly A: RecordWithTtl;
  readonly AAAA: RecordWithTtl;
  readonly SRV: SrvRecord;
  readonly NAPTR: NaptrRecord;
}
export type RecordType = keyof RecordsOf;

export interface DnsAnswer<Type extends RecordType> {
  /** Empty: there is no such name, or it has no such record. */
  readonly records: readonly RecordsOf[Type][];
  /** The time at which to ask again. */
  readonly until: number;
}

export interface DnsRecordsOptions {
  /** How long SRV and NAPTR answers are valid, whose TTL node:dns does not return. */
  readonly serviceMs?: number;
  /** How long absence is valid. */
  readonly absentMs?: number;
  /** How long to leave the servers alone after a failure. */
  readonly retryMs?: number;
  /** How many answers are kept. */
  readonly most?: number;
  readonly clock?: Clock;
}

interface Entry {
  /** The last answer, however old; undefined: there was none yet. */
  answer?: DnsAnswer<RecordType>;
  /** Of the last failure, until an answer comes. */
  error?: ResolveError;
  retryAt: number;
  asking?: Promise<void>;
}

// A TTL of 0 must not make us ask without pause, nor may one of 68 years exceed what a timer can hold.
const LEAST_MS = 1_000;
const MAX_MS = 86_400_000;
const MAX_RECORDS = 16_384;
// Absence, and the answer of a server that does not know the type: either way there is no such record.
const ABSENT = new Set(["ENOTFOUND", "ENODATA"]);
const TYPE_UNKNOWN = new Set(["ENOTIMP", "EFORMERR"]);

export class DnsRecords {
  readonly #resolver: DnsResolver;
  readonly #serviceMs: number;
  readonly #absentMs: number;
  readonly #retryMs: number;
  readonly #clock: Clock;
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();

  constructor(resolver: DnsResolver, { serviceMs = 30_000, absentMs = 30_000, retryMs = 5_000, most = MAX_RECORDS, clock = systemClock }: DnsRecordsOptions = {}) {
    this.#resolver = resolver;
    this.#serviceMs = serviceMs;
    this.#absentMs = absentMs;
    this.#retryMs = retryMs;
    this.#clock = clock;
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** When to retry after a failure. */
  retryTime(): number {
    return this.#clock.now() + this.#retryMs;
  }

  /** Throws ResolveError when neither the servers nor memory say anything by `deadline`, a time of the clock. */
  async get<Type extends RecordType>(type: Type, name: string, deadline: number): Promise<DnsAnswer<Type>> {
    const key = `${type} ${name.toLowerCase()}`;
    const entry = this.#entries.get(key) ?? { retryAt: 0 };
    this.#keep(key, entry);
    const now = this.#clock.now();
    const isFresh = entry.answer !== undefined && entry.answer.until > now;
    if (!isFresh && entry.retryAt <= now) {
      entry.asking ??= this.#ask(type, name, entry);
      await within(this.#clock, entry.asking, deadline);
    }
    // What was found under the key of a type is of that type.
    const answer = entry.answer as DnsAnswer<Type> | undefined;
    if (answer === undefined) throw entry.error ?? new ResolveError(`no answer from the DNS for ${type} ${name}`);
    return answer.until > this.#clock.now() ? answer : { records: answer.records, until: this.retryTime() };
  }

  /** Stored as the most recently used; the least recently used makes room. */
  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  async #ask(type: RecordType, name: string, entry: Entry): Promise<void> {
    try {
      const records = await this.#query(type, name);
      entry.answer = { records, until: this.#clock.now() + this.#lifetime(type, records) };
      delete entry.error;
    } catch (error) {
      const code = codeOf(error);
      entry.error = new ResolveError(`the DNS failed for ${type} ${name}: ${code}`);
      entry.retryAt = this.retryTime();
    } finally {
      delete entry.asking;
    }
  }

  async #query(type: RecordType, name: string): Promise<readonly RecordsOf[RecordType][]> {
    try {
      switch (type) {
        case "A":
          return await this.#resolver.resolve4(name, { ttl: true });
        case "AAAA":
          return await this.#resolver.resolve6(name, { ttl: true });
        case "SRV":
          return await this.#resolver.resolveSrv(name);
        case "NAPTR":
          return await this.#resolver.resolveNaptr(name);
      }
    } catch (error) {
      const code = codeOf(error);
      const isService = type === "SRV" || type === "NAPTR";
      if (ABSENT.has(code) || (isService && TYPE_UNKNOWN.has(code))) return [];
      throw error;
    }
  }

  #lifetime(type: RecordType, records: readonly object[]): number {
    if (records.length === 0) return this.#absentMs;
    if (type === "SRV" || type === "NAPTR") return this.#serviceMs;
    const seconds = records.map((record) => ("ttl" in record && typeof record.ttl === "number" ? record.ttl : 0));
    return Math.min(Math.max(Math.min(...seconds) * 1_000, LEAST_MS), MAX_MS);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
