/** How far a drain is, in words for the operator and for systemd. */

export interface DrainView {
  /** Who began it: "the operator", or a signal. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly isPaused: boolean;
  /** Connections that are still open, those of the core included. */
  readonly connections: number;
  /** Until it is done, at the latest; it does not count down during a pause. */
  readonly seconds: number;
}

export function sayDrain({ by, isPaused, connections, seconds }: DrainView): string {
  const end = isPaused ? `paused, needs at most ${seconds} s more` : `done in at most ${seconds} s`;
  return `draining by order of ${by}: ${connections} connections left, ${end}`;
}
