/**
 * Random sequences of REGISTERs, requests to those who registered, CANCELs, ACKs and retransmissions: with the fast path and without it, everybody hears the
 * same, and the same bindings are left.
 */
import { expect, onTestFinished } from "vitest";
import type { Settings } from "../support/edge.js";
import { HOME, HomeTraffic, joinAll, manner, users } from "../support/home-traffic.js";
import { often } from "../support/often.js";
import { seeded } from "../support/prng.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";
import { Twins } from "../support/twins.js";

/** In `npm test` enough for every kind of request and refusal to occur. */
const STEPS = often(4_000, 0.075);
const SEED = Number(process.env["TEST_SEED"] ?? "5626");

/** Each has a database of its own. */
async function databases(): Promise<readonly [Settings, Settings]> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return [{ SLUICE_LOCATION: `${redis.url}/0` }, { SLUICE_LOCATION: `${redis.url}/1` }];
}

for (const kind of ["no credentials", "digest", "Redis", "Redis and digest"]) testWith(kind.startsWith("Redis") ? "redis-server" : undefined)(`GR-41 REG-15 PX-16.7-2 SA-5 ${kind}: whichever path is taken, the same is heard and bound`, { timeout: 600_000 }, async () => {
  const authenticates = kind.endsWith("digest");
  const settings = { ...HOME, ...(authenticates && { SLUICE_AUTH: `file:${users()}` }) };
  const twins = await Twins.open(settings, manner, kind.startsWith("Redis") ? await databases() : []);
  onTestFinished(() => twins.close());
  await joinAll(twins);
  // Redis lists what was registered in the same millisecond by its keys: two servers need not agree on who came last.
  const traffic = new HomeTraffic(seeded(SEED), authenticates, !kind.startsWith("Redis"));
  for (let step = 0; step < STEPS; step += 1) {
    const { voice, script } = traffic.next();
    await twins.say(voice, script, `TEST_SEED=${SEED}, step ${step}, ${voice}:\n${twins.numbers.render(voice, script)}`);
  }
  for (const { voice, script } of traffic.queries()) await twins.say(voice, script, `TEST_SEED=${SEED}, at the end`);
  for (const metric of ["sluice_registers_handled_total", "sluice_requests_handled_total"]) {
    // Else it would compare one path with itself.
    expect(await twins.numbers.counted(metric, "numbers"), metric).toBeGreaterThan(STEPS / 100);
    expect(await twins.objects.counted(metric, "numbers"), metric).toBe(0);
  }
  for (const line of ["SIP/2.0 200", "SIP/2.0 403", "SIP/2.0 423", "INVITE", "MESSAGE", "CANCEL", "ACK"]) expect(twins.statuses.get(line) ?? 0, line).toBeGreaterThan(0);
});
