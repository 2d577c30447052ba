/**
 * Calls between two baresip that are not established: the caller gives up, or the callee declines.
 *
 * Needs: kamailio, baresip
 */
import { afterAll, beforeAll, describe } from "vitest";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "baresip");

for (const transport of ["udp", "tcp"] as const) {
  describe(`two baresip over ${transport}`, () => {
    const stage = new Stage();
    let alice: Baresip;
    let bob: Baresip;

    beforeAll(async () => {
      await stage.open();
      alice = stage.with(await Baresip.start({ user: "alice", edge: stage.client, transports: [transport] }));
      bob = stage.with(await Baresip.start({ user: "bob", edge: stage.client, transports: [transport], ringing: true }));
    });
    afterAll(() => stage.close());

    test("SA-20 OB-5.3.1-8 the caller gives up: CANCEL follows the INVITE", async () => {
      await alice.ring(bob);
      await alice.giveUp(bob);
      await bob.hears("CANCEL", 0);
      await alice.hears("INVITE", 487);
    });

    test("SA-20 the callee rejects: 486 reaches the caller", async () => {
      await alice.ring(bob);
      await bob.giveUp(alice);
      await alice.hears("INVITE", 486);
    });
  });
}
