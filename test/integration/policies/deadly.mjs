/** Hooks that fail in every possible way: X-Die says what happens to the thread that reads it. */
import { readFileSync } from "node:fs";

const ends = {
  throws: () => setTimeout(() => { throw new Error("a timer of a hook failed"); }, 1),
  rejects: () => void Promise.reject(new Error("a promise of a hook failed")),
  exits: () => process.exit(),
  // Asleep, not in a loop, which would take the processor from other tests.
  hangs: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  // Nobody ever writes to it.
  blocks: (request) => readFileSync(request.header("X-Fifo")),
};

export function allow(request) {
  ends[request.header("X-Die")]?.(request);
  return undefined;
}
