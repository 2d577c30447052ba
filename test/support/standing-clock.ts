import type { Clock } from "../../src/resolve/clock.js";

/** A clock that stands still until it is set; whoever waits for a time is woken after two seconds. */
export class StandingClock implements Clock {
  time = 0;
  readonly now = (): number => this.time;
  readonly at = (_time: number, wake: () => void): (() => void) => {
    const timer = setTimeout(wake, 2_000);
    return () => clearTimeout(timer);
  };
}
