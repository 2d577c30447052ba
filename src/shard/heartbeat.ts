/** Whether a shard is alive: it counts its beats in memory that the main thread watches. */

/** How often a shard beats, and how often the main thread checks. */
export const BEAT_MS = 500;
const SILENT_LOOKS = 2;
const HUNG_LOOKS = 10;

/** `silent`: for a second, it should get no traffic; `hung`: for five, it is ended and restarted. */
export type Pulse = "beats" | "silent" | "hung";

/**
 * Time is counted in checks, not in seconds: after a pause of the whole process (a suspended machine, SIGSTOP) every shard is late, and none is
 * to blame.
 */
export class Heartbeat {
  readonly #beats: Int32Array;
  #seen = 0;
  #missed = 0;

  /** One number, shared with the shard. */
  constructor(beats: Int32Array) {
    this.#beats = beats;
  }

  get pulse(): Pulse {
    return this.#missed >= HUNG_LOOKS ? "hung" : this.#missed >= SILENT_LOOKS ? "silent" : "beats";
  }

  look(): Pulse {
    const beats = Atomics.load(this.#beats, 0);
    this.#missed = beats === this.#seen ? this.#missed + 1 : 0;
    this.#seen = beats;
    return this.pulse;
  }
}
