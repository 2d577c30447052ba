/**
 * Wall-clock time that is immune to steps of the wall clock (SA-15): the kernel's monotonic clock, which all threads and processes of one
 * boot share, plus an offset taken once.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Milliseconds of the monotonic clock. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + Math.floor(nanoseconds / 1e6);
}

/** An offset and the boot in which it was taken: the monotonic clock of another boot started elsewhere. */
export interface ClockAnchor {
  readonly boot: string;
  readonly offset: number;
}

export function takeAnchor(): ClockAnchor {
  return { boot: bootId(), offset: Date.now() - monotonic() };
}

/** Whether a stored anchor is still valid. */
export function holds(anchor: ClockAnchor | undefined): anchor is ClockAnchor {
  return anchor !== undefined && anchor.boot !== "" && anchor.boot === bootId();
}

/** The anchor of the store in that folder: the one that is kept there, or a new one. */
export function anchorIn(folder: string): ClockAnchor {
  const path = join(folder, "clock");
  const kept = readAnchor(path);
  if (holds(kept)) return kept;
  const anchor = takeAnchor();
  try {
    writeFileSync(`${path}.new`, JSON.stringify(anchor), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // On a full disk it serves this life of the process.
  }
  return anchor;
}

function readAnchor(path: string): ClockAnchor | undefined {
  try {
    const { boot, offset } = JSON.parse(readFileSync(path, "utf8")) as Partial<ClockAnchor>;
    return typeof boot === "string" && Number.isSafeInteger(offset) ? { boot, offset: Number(offset) } : undefined;
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    // Without a boot id no anchor outlives the process.
    return "";
  }
}
