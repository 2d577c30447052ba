/** How a shard empties itself: requests finish, then connections are closed a few at a time. It can pause, and be called off. */
import type { Shard } from "../native/binding.js";

const POLL_MS = 50;
const QUIET_MS = 1_000;
const MOVE_INTERVAL_MS = 100;

export interface DrainOptions {
  readonly shard: Pick<Shard, "moveOut" | "pending">;
  /** Whether the object path still has something to do. */
  readonly isBusy: () => boolean;
  /** Messages relayed since the start. */
  readonly relayed: () => bigint;
  /** Connections are about to be closed. */
  readonly onLeave: () => void;
  readonly onDone: () => void;
}

export class Drain {
  readonly #options: DrainOptions;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;

  /** First, requests finish: until none is pending and none was relayed for a second, or the time is up. `rate`: connections a second, 0: all at once. */
  constructor(seconds: number, rate: number, options: DrainOptions) {
    this.#options = options;
    let left = seconds * 1_000;
    let seen = options.relayed();
    let quiet = 0;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const passed = performance.now() - last;
      last += passed;
      if (this.#isPaused) return;
      left -= passed;
      quiet += passed;
      if (options.relayed() !== seen) {
        seen = options.relayed();
        quiet = 0;
      }
      if (left > 0 && (options.shard.pending() > 0 || options.isBusy() || quiet < QUIET_MS)) return;
      clearInterval(this.#timer);
      this.#moveOut(rate);
    }, POLL_MS);
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** In slices, so that their clients do not all reach the next edge at once. */
  #moveOut(rate: number): void {
    const { shard, onLeave, onDone } = this.#options;
    onLeave();
    let before = Infinity;
    let credit = 1;
    let last = performance.now();
    const move = (): void => {
      const passed = performance.now() - last;
      last += passed;
      if (this.#isPaused) return;
      // A thread that was late does not make up for more than a slice or two.
      credit = Math.min(credit + (rate * passed) / 1_000, Math.max(1, (2 * rate * MOVE_INTERVAL_MS) / 1_000));
      const slice = rate === 0 ? 0xffff_ffff : Math.floor(credit);
      if (rate > 0) credit -= slice;
      let left = shard.moveOut(slice, false);
      if (slice > 0 && left > 0 && left === before) left = shard.moveOut(slice, true);
      if (slice > 0) before = left;
      if (left > 0) return;
      this.stop();
      onDone();
    };
    this.#timer = setInterval(move, MOVE_INTERVAL_MS);
    move();
  }
}
