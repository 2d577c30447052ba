/**
 * Two baresip register with the standalone server and call each other through it: no registrar behind it, no edge in front of it.
 *
 * Needs: baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Edge } from "../support/edge.js";
import { freePort } from "../support/ports.js";
import type { Transport } from "../support/wire.js";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";

const test = testWith("baresip");

interface Line {
  readonly alice: readonly Transport[];
  readonly bob: readonly Transport[];
  readonly shards: string;
}

const LINES: readonly Line[] = [
  { alice: ["udp"], bob: ["udp"], shards: "1" },
  { alice: ["tcp"], bob: ["udp"], shards: "2" },
  { alice: ["tcp", "udp"], bob: ["udp", "tcp"], shards: "3" },
];

for (const { alice: ofAlice, bob: ofBob, shards } of LINES) {
  describe(`baresip over ${ofAlice.join(" and ")} and ${ofBob.join(" and ")}, ${shards} shards`, () => {
    let server: Edge;
    let alice: Baresip;
    let bob: Baresip;

    beforeAll(async () => {
      const at = `127.0.0.1:${await freePort()}`;
      server = await Edge.spawn({ SLUICE_MODE: "standalone", SLUICE_LISTEN: `udp:${at},tcp:${at}`, SLUICE_DOMAINS: "example.com", SLUICE_SHARDS: shards });
      alice = await Baresip.start({ user: "alice", edge: at, transports: ofAlice });
      bob = await Baresip.start({ user: "bob", edge: at, transports: ofBob });
    });
    afterAll(async () => {
      await alice.stop();
      await bob.stop();
      await server.expectHealthy();
      await server.stop();
    });

    test("SA-20 OB-6-19 OB-6-22 both register with outbound", () => {
      for (const peer of [alice, bob]) {
        const [ok] = peer.received.filter((message) => message.method === "REGISTER");
        expect(ok?.header("Require")).toContain("outbound");
        expect(ok?.has("Path")).toBe(false);
      }
    });

    test("SA-1 SA-20 SA-3 calls both ways, with re-INVITEs, ended by either side", async () => {
      await alice.call(bob);
      await alice.reinvite();
      await bob.reinvite();
      await alice.hangUp();
      await bob.hungUp();
      await bob.call(alice);
      await alice.hangUp();
      await bob.hungUp();
    });
  });
}

describe("a phone that rings", () => {
  test("SA-20 CAN-1 PX-16.7-2 the caller gives up, and the callee stops ringing", async () => {
    const at = `127.0.0.1:${await freePort()}`;
    const server = await Edge.spawn({ SLUICE_MODE: "standalone", SLUICE_LISTEN: `udp:${at},tcp:${at}`, SLUICE_DOMAINS: "example.com" });
    const alice = await Baresip.start({ user: "alice", edge: at, transports: ["udp"] });
    const bob = await Baresip.start({ user: "bob", edge: at, transports: ["tcp"], ringing: true });
    try {
      await alice.ring(bob);
      await alice.giveUp(bob);
    } finally {
      await alice.stop();
      await bob.stop();
      await server.stop();
    }
  });
});
