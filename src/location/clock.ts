/**
 * Wall-clock time that no step of the wall clock moves (SA-15): the kernel's monotonic clock, which all threads and processes of one
 * boot share, plus an offset that is taken once.
 */
import { readFileSync } from "node:fs";

/** Milliseconds of the monotonic clock. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + Math.floor(nanoseconds / 1e6);
}

/** An offset, and the boot in which it was taken: the monotonic clock of another boot began somewhere else. */
export interface ClockAnchor {
  readonly boot: string;
  readonly offset: number;
}

export function takeAnchor(): ClockAnchor {
  return { boot: bootId(), offset: Date.now() - monotonic() };
}

/** Whether an anchor that was kept still holds. */
export function holds(anchor: ClockAnchor | undefined): anchor is ClockAnchor {
  return anchor !== undefined && anchor.boot !== "" && anchor.boot === bootId();
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    // Without a name of the boot no anchor outlives the process.
    return "";
  }
}
