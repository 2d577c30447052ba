/** An upgrade of a server under test, from the order to its end. */
import { expect } from "vitest";
import type { Edge } from "./edge.js";
import { familyOf } from "./processes.js";

const OVER = /all is handed over|upgrade refused|upgrade failed|the process that took over has died/;

/** Returns what the log says until it is over, in whatever way. */
export async function askForUpgrade(server: Pick<Edge, "signal" | "output">): Promise<string> {
  const before = server.output.length;
  server.signal("SIGUSR2");
  await expect.poll(() => server.output.slice(before), { timeout: 60_000 }).toMatch(OVER);
  return server.output.slice(before);
}

/** Another process must have taken over, and the one before has ended or only stands in: a signal meant for it while it ends would be lost. */
export async function upgraded(server: Pick<Edge, "signal" | "output" | "pid">): Promise<void> {
  // The process of the upgrade before may have ended sooner than the running one has heard of it.
  let said = "";
  await expect.poll(async () => (said = await askForUpgrade(server))).not.toContain("the last upgrade is not over");
  expect(said).toContain("all is handed over");
  await expect.poll(() => familyOf(server.pid)).toHaveLength(2);
}
