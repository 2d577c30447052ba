/**
 * SIPp clients, each on its own socket, register with the standalone server and are called through it: answered, cancelled while ringing
 * on two devices, and over a network that loses datagrams.
 *
 * Needs: sipp
 */
import { expect, onTestFinished } from "vitest";
import { Home } from "../support/home.js";
import type { Transport } from "../support/wire.js";
import { testWith } from "../support/test-with.js";
import { type Manners, Population } from "./support/sipp.js";

const test = testWith("sipp");

const CLIENTS = 50;
const PER_SECOND = 50;

/** Starts a population for each of `devices`; when it resolves, every user has that many bindings. */
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
    const home = await Home.spawn({ SLUICE_SHARDS: "2" });
    const [population] = await populate(home, transport, 1);
    expect(await population?.call(2 * CLIENTS, PER_SECOND, home.at)).toEqual({ code: 0, errors: "" });
  });

  test(`SA-20 OB-7-2 CAN-1 CAN-8 two devices over ${transport} ring, the caller gives up, and both stop ringing`, async () => {
    const home = await Home.spawn({ SLUICE_SHARDS: "2" });
    const populations = await populate(home, transport, 2, { answer: "ring" });
    expect(await populations[0]?.call(CLIENTS, PER_SECOND, home.at, "canceller")).toEqual({ code: 0, errors: "" });
    // How SIPp reports what a scenario does not expect; calls it did not start are expected.
    for (const { errors } of populations) expect(errors).not.toMatch(/unexpected|abort/i);
  });
}

test("SA-20 TX-1 TX-6 a caller loses a fifth of its INVITEs, 180s and 200s, and every call is established", async () => {
  const home = await Home.spawn();
  const [population] = await populate(home, "udp", 1, { lost: 20 });
  expect((await population?.call(CLIENTS, PER_SECOND, home.at))?.code).toBe(0);
});
