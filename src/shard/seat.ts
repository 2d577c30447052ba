/** A seat of the pool: a shard across the threads that it has one after the other, and what is kept from one to the next. */
import { Counter } from "../native/layout.js";
import { BEAT_MS } from "./heartbeat.js";
import type { ShardThread } from "./shard-thread.js";

// The first death may be an accident; a shard that dies repeatedly must not take the processor from the others.
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
const STEADY_MS = 60_000;
/** In how many checks a shard may be down before the process counts as unhealthy: ten seconds' worth. */
const MAX_AWAY = 10_000 / BEAT_MS;
const COUNTERS = Object.keys(Counter).length;

/** Counters of a current amount, which ends with the shard; the others count events. */
export const GAUGES: readonly number[] = [
  Counter.streamFlows,
  Counter.udpFlows,
  Counter.handshakes,
  Counter.pending,
  Counter.bufferBytes,
  Counter.requestsHeld,
  Counter.requestOctetsHeld,
  Counter.answersHeld,
  Counter.answerOctetsHeld,
  Counter.registersWaiting,
  Counter.registerSources,
  Counter.registersPassed,
  Counter.registerWindow,
  Counter.registerRate,
  Counter.endedPhones,
  Counter.endedStrangers,
  Counter.endedMoved,
  Counter.refusedSources,
  Counter.answersWaiting,
  Counter.copiesHeld,
  Counter.copyOctetsHeld,
];

export class Seat {
  thread: ShardThread | undefined;
  /** How often a thread was replaced. */
  restarts = 0;
  isDrained = false;
  /** It cannot reach the location store. */
  isStoreDown = false;
  readonly #counters = new BigInt64Array(new SharedArrayBuffer(COUNTERS * BigInt64Array.BYTES_PER_ELEMENT));
  /** What a process had counted that this one took over from. */
  readonly #before = new BigInt64Array(COUNTERS);
  /** Milliseconds until the next start. */
  #delay = FIRST_RESTART_MS;
  /** Checks since it was last found alive; Heartbeat explains why not seconds. */
  #away = 0;
  /** On the clock of performance.now(). */
  #upAt = 0;

  /** For its thread, which writes them. */
  get counters(): SharedArrayBuffer {
    return this.#counters.buffer;
  }

  counter(which: number): bigint {
    return this.#counters[which]! + this.#before[which]!;
  }

  countFrom(which: number, total: bigint): void {
    this.#before[which] = total;
  }

  /** It reads. */
  get isAlive(): boolean {
    return this.thread?.state === "up" && this.thread.pulse === "beats";
  }

  /** Its state, if it has been down for so long that only a new process can help. */
  get ail(): string | undefined {
    if (this.#away < MAX_AWAY) return undefined;
    if (this.thread === undefined) return "does not start";
    return this.thread.state === "up" ? "hangs" : "does not come up";
  }

  /** What it has just become, if that is news. */
  look(): "silent" | "hung" | undefined {
    const before = this.thread?.pulse;
    const pulse = this.thread?.look();
    this.#away = this.isAlive ? 0 : this.#away + 1;
    return pulse === "beats" || pulse === before || (pulse === "silent" && before !== "beats") ? undefined : pulse;
  }

  isUp(): void {
    this.#upAt = performance.now();
  }

  /** Its thread has ended: how long the next one has to wait, in milliseconds. */
  nextDelay(): number {
    if (performance.now() - this.#upAt > STEADY_MS) this.#delay = FIRST_RESTART_MS;
    const delay = this.#delay;
    this.#delay = Math.min(delay * 4, MAX_RESTART_MS);
    return delay;
  }

  /** Another thread begins with nothing. */
  beginAnew(): void {
    this.restarts += 1;
    for (const gauge of GAUGES) this.#counters[gauge] = 0n;
  }
}
