/** Octets that are almost right, in the middle of what is right: with the fast path and without it, everybody hears the same, and the same bindings are left. */
import { expect, test } from "vitest";
import { FUZZ_TIMEOUT, SECONDS, SEED } from "../support/fuzzing.js";
import { DOMAIN, HOME, HomeTraffic, type Step, joinAll, manner, users } from "../support/home-traffic.js";
import { type Random, seeded } from "../support/prng.js";
import { SipMutator } from "../support/sip-mutator.js";
import { type Twin, Twins } from "../support/twins.js";

/** Over UDP, where each message stands for itself. */
const VOICES = ["edge", "far", "caller"] as const;

/** Credentials are made for each server anew; both get the same mutation. A branch is left alone: by it the twins know a REGISTER that was changed. */
function bentWhenMade(script: (twin: Twin) => string, seed: number): (twin: Twin) => string {
  return (twin) => {
    const text = script(twin);
    const bent = new SipMutator(seeded(seed)).bend(text);
    return branches(bent) === branches(text) ? bent : text;
  };
}

const branches = (text: string): string => (text.match(/branch=[^;,\s]*/g) ?? []).join();

function mutated(step: Step, random: Random, mutator: SipMutator): Step {
  const voice = step.voice === "wired" ? (VOICES[random(VOICES.length)] ?? "caller") : step.voice;
  const { script } = step;
  if (random(3) > 0) return { voice, script: typeof script === "string" ? mutator.bend(script) : bentWhenMade(script, random(2 ** 31)) };
  const text = mutator.next().toString("latin1");
  return { voice: VOICES[random(VOICES.length)] ?? "caller", script: text.replaceAll("192.0.2.1:5060", "{me}").replaceAll("example.org", DOMAIN).replaceAll("alice@", "u1@").replaceAll("bob@", "u2@") };
}

for (const kind of ["no credentials", "digest"]) test(`GR-41 REG-15 ${kind}: whichever path is taken, the same is heard and bound, whatever is sent`, { timeout: FUZZ_TIMEOUT }, async () => {
  const authenticates = kind === "digest";
  const twins = await Twins.open({ ...HOME, ...(authenticates && { SLUICE_AUTH: `file:${users()}` }) }, manner);
  try {
    await joinAll(twins);
    const random = seeded(SEED);
    const mutator = new SipMutator(random);
    const traffic = new HomeTraffic(random, authenticates);
    const end = Date.now() + SECONDS * 1_000;
    for (let count = 0; Date.now() < end; count += 1) {
      const plain = traffic.next();
      const { voice, script } = random(2) === 0 ? mutated(plain, random, mutator) : plain;
      const why = `FUZZ_SEED=${SEED}, message ${count}, ${voice}: ${JSON.stringify(typeof script === "string" ? script : script(twins.numbers))}`;
      await twins.say(voice, script, why);
      if (count % 100 === 99) for (const query of traffic.queries()) await twins.say(query.voice, query.script, `${why}, a query`);
    }
    for (const metric of ["sluice_registers_handled_total", "sluice_requests_handled_total"]) {
      expect(await twins.numbers.counted(metric, "numbers"), metric).toBeGreaterThan(0);
      expect(await twins.objects.counted(metric, "numbers"), metric).toBe(0);
    }
  } finally {
    await twins.close();
  }
});
