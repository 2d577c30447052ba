/**
 * baresip keeps its flows alive by itself, with STUN over UDP and CRLF over TCP, while the edge supervises them.
 *
 * Needs: kamailio, baresip
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "baresip");

// The shortest value that baresip can meet: over TCP it pings after 17 to 20 seconds, whatever we ask for.
const FLOW_TIMER = 25;
const GRACE = 5;

describe("an edge that supervises its flows", () => {
  const stage = new Stage({ settings: { SLUICE_FLOW_TIMER: String(FLOW_TIMER) } });

  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  test("SA-20 OB-5.4-10 OB-4.4-2 OB-5.4-13 baresip receives Flow-Timer, pings in time and can still be called after it", async () => {
    const start = (user: string, transport: "udp" | "tcp"): Promise<Baresip> =>
      Baresip.start({ user, edge: stage.client, transports: [transport] });
    const [alice, bob] = await Promise.all([start("alice", "tcp"), start("bob", "udp")]);
    stage.with(alice);
    stage.with(bob);
    for (const peer of [alice, bob]) {
      const [ok] = peer.received.filter((message) => message.method === "REGISTER");
      expect(ok?.header("Flow-Timer")).toBe(String(FLOW_TIMER));
    }
    const paths = await Promise.all(["alice", "bob"].map((user) => stage.registrar.pathTo(user)));
    await sleep((FLOW_TIMER + GRACE + 3) * 1_000);
    const core = await stage.coreParty("edge");
    for (const [at, peer] of [alice, bob].entries()) {
      await core.say(`OPTIONS ${peer.uri} SIP/2.0\nCall-ID: late-${at}\nRoute: ${paths[at]?.join(", ")}`);
      await core.response(200);
    }
    // Nobody has registered again meanwhile, which would also be a sign of life.
    for (const peer of [alice, bob]) {
      expect(peer.received.filter((message) => message.method === "REGISTER")).toHaveLength(1);
    }
  });
});
