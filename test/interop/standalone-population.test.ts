/**
 * SIPp clients, each on a socket of its own, register with the standalone server and are called through it: answered, let ring on two
 * devices and cancelled, and over a network that loses datagrams.
 *
 * Needs: sipp
 */
import { expect, onTestFinished } from "vitest";
import { Home } from "../support/home.js";
import type { Transport } from "../support/wire.js";
import { testWith } from "./support/peers.js";
import { type Manners, Population } from "./support/sipp.js";

const test = testWith("sipp");

const CLIENTS = 50;
const PER_SECOND = 50;

/** Starts a population for each of `devices`; every user has that many bindings when it resolves. */
async function populate(home: Home, transport: Transport, devices: number, manners: Manners = {}): Promise<readonly Population[]> {
  const populations = Array.from({ length: devices }, () => {
    const population = new Population(transport, CLIENTS, home.at, manners);
    onTestFinished(() => population.stop());
    return population;
  });
  const asker = await home.phone("asker", "tcp");
  for (const user of populations[0]?.users ?? []) {
    const count = async (): Promise<number> => (await home.contactsOf(asker, user)).length;
    await expect.poll(count, { message: populations.map(({ errors }) => errors).join("\n"), timeout: 20_000 }).toBe(devices);
  }
  return populations;
}

for (const transport of ["udp", "tcp"] as const) {
  test(`SA-20 SA-1 OB-7-12 ${CLIENTS} clients over ${transport} register and are called on their flows`, async () => {
    const home = await Home.start({ SLUICE_SHARDS: "2" });
    const [population] = await populate(home, transport, 1);
    expect(await population?.call(2 * CLIENTS, PER_SECOND, home.at)).toEqual({ code: 0, errors: "" });
  });

  test(`SA-20 OB-7-2 CAN-1 CAN-8 two devices over ${transport} ring, the caller gives up, and both hear of it`, async () => {
    const home = await Home.start({ SLUICE_SHARDS: "2" });
    const populations = await populate(home, transport, 2, { answer: "ring" });
    expect(await populations[0]?.call(CLIENTS, PER_SECOND, home.at, "canceller")).toEqual({ code: 0, errors: "" });
    // SIPp's word for what the scenario does not foresee; a call that it did not begin is foreseen.
    for (const { errors } of populations) expect(errors).not.toMatch(/unexpected|abort/i);
  });
}

test("SA-20 TX-1 TX-6 a caller loses a fifth of his INVITEs, 180s and 200s, and every call comes about", async () => {
  const home = await Home.start();
  const [population] = await populate(home, "udp", 1, { lost: 20 });
  expect((await population?.call(CLIENTS, PER_SECOND, home.at))?.code).toBe(0);
});
