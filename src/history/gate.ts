/** What keeps strangers, and retransmissions, from filling the history. */
import { LogRate } from "../observe/log-rate.js";
import { networkOf } from "../observe/network.js";
import type { Happening } from "./event.js";

const PER_SECOND = 2;
const MOST_SOURCES = 1_000;
/** How long the same response to the same call may come again (timer H of RFC 3261 17.2.1). */
const AGAIN_MS = 32_000;
const MOST_CALLS = 4_096;
/** Failed calls at once, and on average for each second: they cannot push out yesterday in an hour, whoever makes them fail. */
const CALLS_AT_ONCE = 2_000;
const CALLS_PER_SECOND = 20;

export class Gate {
  readonly #sources = new LogRate({ perSecond: PER_SECOND, mostKeys: MOST_SOURCES });
  /** When each failed call was last seen, the oldest first. */
  readonly #calls = new Map<string, number>();
  readonly #now: () => number;
  #room = CALLS_AT_ONCE;
  #filledAt: number;
  #suppressed = 0;

  /** Milliseconds of a clock that never runs back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#filledAt = now();
  }

  /** How many events were left out since the last call, because there were too many of them or of their source. */
  takeSuppressed(): number {
    const count = this.#suppressed + this.#sources.takeSuppressed();
    this.#suppressed = 0;
    return count;
  }

  admits(event: Happening): boolean {
    if (event.kind === "login-failed") return this.#sources.allows(networkOf(event.address ?? ""));
    if (event.kind !== "call-failed") return true;
    if (!this.#isNew(event)) return false;
    const isOfStranger = event.hop === "sluice" && event.address !== undefined;
    return (!isOfStranger || this.#sources.allows(networkOf(hostOf(event.address ?? "")))) && this.#takesCall();
  }

  #takesCall(): boolean {
    const now = this.#now();
    this.#room = Math.min(CALLS_AT_ONCE, this.#room + ((now - this.#filledAt) / 1_000) * CALLS_PER_SECOND);
    this.#filledAt = now;
    if (this.#room < 1) {
      this.#suppressed += 1;
      return false;
    }
    this.#room -= 1;
    return true;
  }

  #isNew({ callId, from, status, hop, at }: Happening): boolean {
    const name = `${callId} ${from} ${status} ${hop}`;
    const before = this.#calls.get(name) ?? -Infinity;
    this.#calls.delete(name);
    this.#calls.set(name, at);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > MOST_CALLS && oldest !== undefined) this.#calls.delete(oldest);
    return at - before > AGAIN_MS;
  }
}

/** Without the port. */
function hostOf(place: string): string {
  return place.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
