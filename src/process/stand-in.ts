/**
 * Whoever started the first process must not see it end: it stays as the parent of those that replace it, and passes signals on. None may be lost
 * on the way from one to the next.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { within } from "../base/within.js";
import { binding } from "../native/load.js";

/** A process of an earlier version does not answer. */
const ANSWER_MS = 200;
/** Until a signal that the kernel has delivered has reached JavaScript. */
const DELIVERY_MS = 20;

/** Never returns. Signals that came before have been passed on by `Orders`. */
export async function standIn(pid: number): Promise<never> {
  binding.passSignals(pid);
  await delivered();
  return binding.standIn();
}

/** This process ends, and `pid` is the one that the first process must stand for. Resolves when no signal comes here any more. */
export async function nameHeir(pid: number): Promise<void> {
  const answered = new Promise<void>((resolve) => process.once("SIGURG", () => resolve()));
  if (!binding.nameHeir(pid)) return;
  if (await within(answered, ANSWER_MS)) await delivered();
}

async function delivered(): Promise<void> {
  await sleep(DELIVERY_MS);
  await nextTurn();
}
