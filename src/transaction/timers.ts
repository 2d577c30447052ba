/** The timers of RFC 3261 17 and RFC 6026 8, in milliseconds. */

export interface TimerTable {
  readonly t1: number;
  readonly t2: number;
  readonly t4: number;
  /** B and F: how long a request waits for its first or its final response. */
  readonly patience: number;
  /** H, J, L and M: 64 times T1. */
  readonly memory: number;
  /** At least 32 seconds over UDP whatever T1 is (RFC 6026 8.4). */
  readonly d: number;
  /** When a non-INVITE request may get a 100 (RFC 4320 4.1). */
  readonly trying: number;
}

const T2 = 4_000;
const T4 = 5_000;
const LEAST_D = 32_000;

export function timerTable(t1: number, patienceSeconds: number): TimerTable {
  const memory = 64 * t1;
  return { t1, t2: T2, t4: T4, patience: patienceSeconds * 1_000, memory, d: Math.max(LEAST_D, memory), trying: untilT2(t1) };
}

/** When the sender's timer E has reached T2: T1, 2·T1, 4·T1, … up to the first interval of at least T2. */
function untilT2(t1: number): number {
  let sum = 0;
  for (let interval = t1; interval < T2; interval *= 2) sum += interval;
  return Math.max(sum, t1);
}

/** A timer that can be set, reset and cleared; it does not keep the process alive. */
export class Timer {
  #handle: NodeJS.Timeout | undefined;
  #due = 0;

  /** Milliseconds until it fires; 0: it is not set, or does so at once. */
  get left(): number {
    return this.#handle === undefined ? 0 : Math.max(0, this.#due - performance.now());
  }

  set(milliseconds: number, action: () => void): void {
    this.clear();
    this.#due = performance.now() + milliseconds;
    this.#handle = setTimeout(action, milliseconds);
    this.#handle.unref();
  }

  clear(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}
