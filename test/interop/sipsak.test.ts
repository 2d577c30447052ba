/**
 * sipsak does not know outbound: it pings the edge, and is served if the edge forces outbound.
 *
 * Needs: kamailio, sipsak
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { userOf } from "../support/sip-message.js";
import { UdpSocket } from "../support/udp-socket.js";
import { testWith } from "../support/test-with.js";
import { sipsak } from "./support/sipsak.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "sipsak");

describe("sipsak and an edge that forces outbound", () => {
  const stage = new Stage({ settings: { SLUICE_OUTBOUND: "force" } });

  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  for (const transport of ["udp", "tcp"]) {
    test(`SA-20 OPTIONS over ${transport} to the edge itself is answered with 200`, async () => {
      const { code, output } = await sipsak("-vvv", "-E", transport, "-s", `sip:${stage.client}`);
      expect(output).toContain("SIP/2.0 200");
      expect(code).toBe(0);
    });
  }

  test("SA-20 DET-6 OB-5.1-3 a client that registers without any sign of outbound gets its messages on the same flow", async () => {
    const port = await freePort();
    // -l and -S: send from and listen on one port, which the test uses after sipsak has exited.
    const registered = await sipsak("-U", "-i", "-S", "-l", String(port), "-x", "60", "-s", `sip:sak@${stage.client}`);
    expect(registered).toMatchObject({ code: 0 });
    const path = await stage.registrar.pathTo("sak");
    expect(path.some((value) => userOf(value) !== "")).toBe(true);

    const target = { host: "127.0.0.1", port: Number(stage.client.split(":")[1]) };
    const client = new Party("sak", stage.client, "sipsak", new Set());
    const socket = await UdpSocket.open(target, client.receive, { localPort: port });
    client.attach(socket);
    const caller = await stage.coreParty("registrar");
    await caller.say("MESSAGE sip:sak@example.com SIP/2.0\n\nhello");
    const message = await client.request("MESSAGE");
    expect(message.body).toBe("hello");
    expect(client.last.from).toBe(stage.client);
    await client.reply("200 OK");
    await caller.response(200);
    await socket.close();
  });
});
