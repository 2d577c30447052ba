/**
 * Fifty SIPp clients, each on its own socket, register with Kamailio through the edge and are called along their Paths.
 *
 * Needs: kamailio, sipp
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { testWith } from "../support/test-with.js";
import { Population } from "./support/sipp.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "sipp");

const CLIENTS = 50;
const PER_SECOND = 50;

for (const core of ["udp", "tcp"] as const) {
  describe(`registrar over ${core}`, () => {
    const stage = new Stage({ core });

    beforeAll(() => stage.open());
    afterAll(() => stage.close());

    for (const transport of ["udp", "tcp"] as const) {
      test(`SA-20 OB-5.1-3 OB-5.1-4 ${CLIENTS} clients over ${transport} register with separate Paths and are called along them`, async () => {
        const population = stage.with(new Population(transport, CLIENTS, stage.client));
        const bindings = await population.registered(stage.registrar);
        expect(new Set(bindings.map(({ path }) => path.join())).size).toBe(CLIENTS);
        expect(await population.call(2 * CLIENTS, PER_SECOND, stage.registrar.at)).toEqual({ code: 0, errors: "" });
      });
    }
  });
}
