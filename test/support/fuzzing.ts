/** How long a fuzz target runs, and with which input: `npm run fuzz` sets FUZZ_SECONDS; a fault prints the seed and the octets. */
import { seeded } from "./prng.js";
import { SipMutator } from "./sip-mutator.js";

export const SECONDS = Number(process.env["FUZZ_SECONDS"] ?? "2");
/** FUZZ_SEED=N repeats a run. */
export const SEED = Number(process.env["FUZZ_SEED"] ?? `${Date.now() % 2 ** 32}`);

export const FUZZ_TIMEOUT = (SECONDS + 60) * 1_000;

/** Passes messages to `check` until the time is over; returns how many. */
export async function fuzz(check: (octets: Buffer) => unknown): Promise<number> {
  const mutator = new SipMutator(seeded(SEED));
  const end = Date.now() + SECONDS * 1_000;
  let count = 0;
  while (Date.now() < end) {
    const octets = mutator.next();
    try {
      await check(octets);
    } catch (error) {
      throw new Error(`FUZZ_SEED=${SEED}, message ${count}: ${JSON.stringify(octets.toString("latin1"))}`, { cause: error });
    }
    count += 1;
  }
  return count;
}
