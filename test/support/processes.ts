/** Processes as /proc shows them. pgrep would wait for ever with the runtime of a sanitizer in front of it. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Those that it has started, or that have become its own when their parent ended. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((word) => word !== "").map(Number);
  } catch {
    // It has ended.
    return [];
  }
}

/** That process and all that descend from it. */
export function familyOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

/** One letter, as the kernel says it; undefined: it has ended. */
export function stateOf(pid: number): string | undefined {
  try {
    const state = /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return state === "Z" ? undefined : state;
  } catch {
    return undefined;
  }
}

/** Whether SIGSTOP has reached all its threads: on another processor one may still read, and forward, what comes after the signal was sent. */
export function standsStill(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1")));
}

/** Whether it has not worked for a while. */
export async function isAsleep(pid: number): Promise<boolean> {
  const before = ticksOf(pid);
  await sleep(300);
  return before > 0 && ticksOf(pid) === before;
}

/** Of a processor, that it has used; 0: it has ended. */
function ticksOf(pid: number): number {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ").slice(11, 13).map(Number) ?? [];
    return (user ?? 0) + (system ?? 0);
  } catch {
    return 0;
  }
}

/** Octets of memory that it has. */
export function residentOctets(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) * 1_024;
}
