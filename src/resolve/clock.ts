/** The time for resolving, which tests can control. */

export interface Clock {
  /** Milliseconds that never run back. */
  readonly now: () => number;
  /** Calls `wake` at that time; returns a function that cancels it. */
  readonly at: (time: number, wake: () => void) => () => void;
}

export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  at: (time: number, wake: () => void) => {
    const timer = setTimeout(wake, Math.max(0, time - performance.now()));
    return () => clearTimeout(timer);
  },
});

/** Resolves when `work` has ended or at `deadline`, whichever comes first. */
export function within(clock: Clock, work: Promise<void>, deadline: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.at(deadline, resolve);
    void work.finally(() => {
      cancel();
      resolve();
    });
  });
}
