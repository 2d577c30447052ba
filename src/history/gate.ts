/** What keeps strangers, retransmissions, and a device that registers again and again from filling the history. */
import { LogRate } from "../observe/log-rate.js";
import { networkOf } from "../observe/network.js";
import { type Allowance, Bucket } from "./bucket.js";
import type { Happening } from "./event.js";

const PER_SECOND = 2;
const MAX_SOURCES = 1_000;
/** How long the same response to the same call may come again (timer H of RFC 3261 17.2.1). */
const AGAIN_MS = 32_000;
const MAX_CALLS = 4_096;
/** Failed calls, and failed logins: they cannot push out yesterday in an hour, whoever makes them fail and from however many networks. */
const FAILURES: Allowance = { atOnce: 2_000, perSecond: 20 };
/** What happens to the bindings of one address of record: more than of any device that works. */
const OF_ADDRESS: Allowance = { atOnce: 60, perSecond: 1 / 20 };
const MAX_ADDRESSES = 10_000;

export class Gate {
  readonly #sources: LogRate;
  /** When each failed call was last seen, the oldest first. */
  readonly #calls = new Map<string, number>();
  readonly #now: () => number;
  readonly #failedCalls: Bucket;
  readonly #failedLogins: Bucket;
  /** By address of record. */
  #addresses = new Map<string, Bucket>();
  /** Those that were quiet longer. */
  #quiet = new Map<string, Bucket>();
  #suppressed = 0;

  /** Milliseconds of a clock that never runs back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#sources = new LogRate({ perSecond: PER_SECOND, mostKeys: MAX_SOURCES, now });
    this.#failedCalls = new Bucket(FAILURES, now());
    this.#failedLogins = new Bucket(FAILURES, now());
  }

  /** How many events were left out since the last call, because there were too many of them, of their source or of their address of record. */
  takeSuppressed(): number {
    const count = this.#suppressed + this.#sources.takeSuppressed();
    this.#suppressed = 0;
    return count;
  }

  admits(event: Happening): boolean {
    switch (event.kind) {
      case "login-failed":
        return this.#sources.allows(networkOf(event.address ?? "")) && this.#takes(this.#failedLogins);
      case "call-failed": {
        if (!this.#isNew(event)) return false;
        const isOfStranger = event.hop === "sluice" && event.address !== undefined;
        return (!isOfStranger || this.#sources.allows(networkOf(hostOf(event.address ?? "")))) && this.#takes(this.#failedCalls);
      }
      case "registered":
      case "moved":
      case "expired":
      case "removed":
      case "flow-dead":
        return this.#takes(this.#bucketOf(event.aor ?? ""));
      default:
        return true;
    }
  }

  #takes(bucket: Bucket): boolean {
    if (bucket.takes(this.#now())) return true;
    this.#suppressed += 1;
    return false;
  }

  #bucketOf(aor: string): Bucket {
    const bucket = this.#addresses.get(aor) ?? this.#quiet.get(aor) ?? new Bucket(OF_ADDRESS, this.#now());
    if (this.#addresses.size >= MAX_ADDRESSES) {
      this.#quiet = this.#addresses;
      this.#addresses = new Map();
    }
    this.#addresses.set(aor, bucket);
    return bucket;
  }

  #isNew({ callId, from, status, hop, at }: Happening): boolean {
    const name = `${callId} ${from} ${status} ${hop}`;
    const before = this.#calls.get(name) ?? -Infinity;
    this.#calls.delete(name);
    this.#calls.set(name, at);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > MAX_CALLS && oldest !== undefined) this.#calls.delete(oldest);
    return at - before > AGAIN_MS;
  }
}

/** Without the port. */
function hostOf(place: string): string {
  return place.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
