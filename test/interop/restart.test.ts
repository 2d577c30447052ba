/**
 * The edge is killed and restarted while two baresip are registered through it.
 *
 * Needs: kamailio, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "baresip");

describe("after kill -9 and restart of the edge", () => {
  const stage = new Stage();

  beforeAll(async () => {
    await stage.open();
    for (const [user, transport] of [["alice", "tcp"], ["bob", "udp"]] as const) {
      stage.with(await Baresip.start({ user, edge: stage.client, transports: [transport] }));
    }
  });
  afterAll(() => stage.close());

  test("SA-20 OB-9-2 OB-5.2-4 OB-5.2-5 an old TCP token is 430 and an old UDP token still delivers", async () => {
    const core = await stage.coreParty("edge");
    const [tcp, udp] = [await stage.registrar.pathTo("alice"), await stage.registrar.pathTo("bob")];
    await stage.edge.restart();
    await core.say(`OPTIONS sip:alice@example.com SIP/2.0\nCall-ID: tcp\nRoute: ${tcp.join(", ")}`);
    await core.response(430);
    await core.say(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: udp\nRoute: ${udp.join(", ")}`);
    expect((await core.response(200)).header("Server")).toContain("baresip");
  });
});
