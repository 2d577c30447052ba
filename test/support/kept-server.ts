/** A server that a keeper runs: the process under test is the keeper, its child the server. */
import { expect } from "vitest";
import type { Edge } from "./edge.js";
import { childrenOf } from "./processes.js";

const GOES_ON = "the process before crashed: this one goes on with its flows";

/** The child of that process; undefined: it has none. */
export function childOf(pid: number): number | undefined {
  return childrenOf(pid)[0];
}

export interface Crash {
  readonly before: number;
  readonly how: string;
  readonly crashes: number;
  readonly kept: number;
  readonly lost: number;
  readonly messages: number;
  readonly requests: number;
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
