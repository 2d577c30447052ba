/** A server that a keeper runs: the process under test is the keeper, its child the server. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Edge } from "./edge.js";

const GOES_ON = "the process before crashed: this one goes on with its flows";

/** The child of that process; undefined: it has none. */
export function childOf(pid: number): number | undefined {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter((word) => word !== "");
  return child === undefined ? undefined : Number(child);
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

export interface Crash {
  readonly before: number;
  readonly how: string;
  readonly crashes: number;
  readonly kept: number;
  readonly lost: number;
  readonly gapMs: number;
}

/** Ends the server by that signal, and resolves with what the next one says when it goes on. */
export async function crash(keeper: Pick<Edge, "pid" | "output">, signal: NodeJS.Signals = "SIGKILL"): Promise<Crash> {
  const before = keeper.output.length;
  const server = childOf(keeper.pid) ?? expect.unreachable("no server runs");
  process.kill(server, signal);
  await expect.poll(() => keeper.output.slice(before), { timeout: 60_000 }).toContain(GOES_ON);
  await expect.poll(() => keeper.output.slice(before), { timeout: 60_000 }).toContain("sluice is up");
  const line = keeper.output.slice(before).split("\n").find((one) => one.includes(GOES_ON)) ?? "{}";
  const said = JSON.parse(line) as Crash;
  expect(said.before).toBe(server);
  return said;
}
