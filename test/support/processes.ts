/** Processes as /proc shows them. pgrep would wait for ever with the runtime of a sanitizer in front of it. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** As Linux counts the time of processes towards programs. */
const TICK_MS = 10;

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
  return areAll(pid, "T");
}

/** Whether the kernel says that of each of its threads; false: it has ended. */
function areAll(pid: number, state: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1").split(") ").at(-1)?.startsWith(state));
  } catch {
    return false;
  }
}

/** The numbers of the system calls in which its threads are or were stopped, as far as the kernel tells. */
export function callsOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return [Number(readFileSync(`/proc/${pid}/task/${thread}/syscall`, "latin1").split(" ")[0])];
    } catch {
      return [];
    }
  });
}

/** Whether it has not worked for a while, nor had to wait for a processor: all its threads wait for something else. */
export async function isAsleep(pid: number): Promise<boolean> {
  const before = ticksOf(pid);
  if (before === 0 || !areAll(pid, "S")) return false;
  await sleep(300);
  return ticksOf(pid) === before && areAll(pid, "S");
}

/** Of a processor, that it has used; 0: it has ended. */
function ticksOf(pid: number): number {
  const [user = 0, system = 0] = statOf(pid).slice(11, 13);
  return user + system;
}

/** When it was started, in ms as of Date.now(), to about 20 ms; NaN: it has ended. */
export function startOf(pid: number): number {
  const upMs = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 1_000;
  return Date.now() - upMs + (statOf(pid)[19] ?? Number.NaN) * TICK_MS;
}

/** What follows its name in its line of numbers (proc(5)); nothing: it has ended. */
function statOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ").map(Number) ?? [];
  } catch {
    return [];
  }
}

/** Octets of memory that it has. */
export function residentOctets(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) * 1_024;
}
