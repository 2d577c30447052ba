/**
 * One baresip with two flows through the edge, one over UDP and one over TCP.
 *
 * Needs: kamailio, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "baresip");

describe("a baresip with two flows", () => {
  const stage = new Stage();
  let alice: Baresip;

  beforeAll(async () => {
    await stage.open();
    alice = stage.with(await Baresip.start({ user: "alice", edge: stage.client, transports: ["udp", "tcp"] }));
  });
  afterAll(() => stage.close());

  test("SA-20 OB-4.2-12 each reg-id is a separate binding, and each Path leads to its transport", async () => {
    const bindings = await stage.registrar.registered(["alice"], 2);
    expect(bindings.map(({ regId }) => regId).sort()).toEqual([1, 2]);
    expect(new Set(bindings.map(({ instance }) => instance)).size).toBe(1);
    const core = await stage.coreParty("edge");
    for (const [regId, transport] of [[1, "UDP"], [2, "TCP"]] as const) {
      const path = bindings.find((binding) => binding.regId === regId)?.path ?? [];
      await core.say(`OPTIONS ${alice.uri} SIP/2.0\nCall-ID: flow-${regId}\nRoute: ${path.join(", ")}`);
      await core.response(200);
      // Its trace may arrive a moment after its answer.
      const via = (): string => alice.received.find((message) => message.header("Call-ID") === `flow-${regId}`)?.header("Via") ?? "";
      await expect.poll(via).toContain(`SIP/2.0/${transport}`);
    }
  });
});
