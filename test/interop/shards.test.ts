/**
 * A thousand SIPp calls along tokens of four shards.
 *
 * Needs: kamailio, sipp
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { testWith } from "../support/test-with.js";
import { Population } from "./support/sipp.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "sipp");

const CALLS = 1_000;
const PER_SECOND = 100;
// The kernel spreads clients over the shards by a hash of their addresses: the odds that one of four gets none of 64 are 1 in 10^8.
const CLIENTS = 64;

describe("four shards", () => {
  const stage = new Stage({ settings: { SLUICE_SHARDS: "4" } });

  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  for (const transport of ["udp", "tcp"] as const) {
    test(`SA-6 SA-20 a thousand calls to clients over ${transport}, none lost`, async () => {
      const population = stage.with(new Population(transport, CLIENTS, stage.client));
      await population.registered(stage.registrar);
      expect(await population.call(CALLS, PER_SECOND, stage.registrar.at)).toEqual({ code: 0, errors: "" });
    });
  }
});
