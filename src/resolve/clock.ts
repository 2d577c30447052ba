/** Time as resolving needs it, so that a test can turn the hands. */

export interface Clock {
  /** Milliseconds that never run back. */
  readonly now: () => number;
  /** Calls `wake` once it is that time, and returns what takes the call back. */
  readonly at: (time: number, wake: () => void) => () => void;
}

export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  at: (time: number, wake: () => void) => {
    const timer = setTimeout(wake, Math.max(0, time - performance.now()));
    return () => clearTimeout(timer);
  },
});

/** Resolves when `work` has ended or when it is `deadline`, whichever comes first. */
export function within(clock: Clock, work: Promise<void>, deadline: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.at(deadline, resolve);
    void work.finally(() => {
      cancel();
      resolve();
    });
  });
}
