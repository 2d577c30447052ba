/** A ban shuts an address out of every transport: its flows end, nothing from it is heard, and its neighbours notice nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";
import { Party } from "../support/party.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { UdpSocket } from "../support/udp-socket.js";
import { Opcode } from "../support/websocket-framer.js";
import type { Transport } from "../support/wire.js";

interface Flow {
  readonly transport: string;
  readonly dead: boolean;
}

const OUTLAW = "127.0.0.9";

/** A client whose address nobody else in the test uses. */
async function outlaw({ client, scene, company }: Cast, transport: Transport): Promise<Party> {
  const party = new Party("outlaw", client, scene, company);
  const target = { host: "127.0.0.1", port: Number(client.split(":")[1]) };
  const wire = transport === "udp" ? await UdpSocket.open(target, party.receive, { localHost: OUTLAW }) : await TcpConnection.open(target, party.receive, { localHost: OUTLAW, transport });
  return party.attach(wire);
}

/** The code of the edge's close frame. */
function farewell({ wire }: Party): number | undefined {
  const frames = wire instanceof TcpConnection && "frames" in wire.framer ? wire.framer.frames : [];
  return frames.find(({ opcode }) => opcode === Opcode.close)?.payload.readUInt16BE();
}

for (const client of ["udp", "tcp", "tls", "ws", "wss"] as const) {
  test(`DET-22 OB-5.3.1-4 a banned address loses its flows, is refused, and is heard again afterwards; nobody else is affected; ${client}`, async () => {
    const admin = await Admin.choose();
    const company = await cast({ client, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2" } });
    const { U, C } = company;
    const B = await outlaw(company, client);
    const path = await register(B, C);
    const neighbour = await register(U, C);
    const flows = async (): Promise<readonly Flow[]> => (await admin.get(`/api/flows?q=${OUTLAW}`)).json["flows"] as readonly Flow[];
    expect(await flows()).toMatchObject([{ transport: client, dead: false }]);

    expect((await admin.ask("POST", "/api/bans", { address: OUTLAW, seconds: 60 })).status).toBe(200);
    expect((await admin.get("/api/bans")).json["bans"]).toMatchObject([{ address: OUTLAW }]);
    // A dead UDP flow is remembered, so that requests over it fail at once.
    await expect.poll(async () => (await flows()).filter(({ dead }) => !dead)).toEqual([]);
    if (client === "udp") {
      await B.say("MESSAGE sip:bob@example.com SIP/2.0");
    } else {
      await B.wire.closed;
      const refused = await TcpConnection.open({ host: "127.0.0.1", port: Number(company.client.split(":")[1]) }, B.receive, { localHost: OUTLAW });
      await refused.expectClosed();
    }
    if (client === "ws" || client === "wss") expect(farewell(B)).toBe(1001);
    B.leave();
    await C.nothing();
    expect((await admin.get("/metrics")).text).toMatch(/^sluice_messages_dropped_total\{reason="banned"\} [1-9]/m);

    await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${neighbour.join(", ")}`);
    await U.request("MESSAGE");
    await U.reply("200 OK");
    await C.response(200);
    await C.say(`MESSAGE sip:outlaw@192.0.2.1 SIP/2.0\nCall-ID: outlaw@${C.scene}\nRoute: ${path.join(", ")}`);
    await C.response(430);

    await admin.ask("DELETE", `/api/bans/${OUTLAW}`);
    await register(await outlaw(company, client), C);
  });
}

test("a banned network is shut out on open connections too, and still after a restart", async () => {
  const admin = await Admin.choose();
  const folder = mkdtempSync(join(tmpdir(), "sluice-bans-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const settings = { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_STATE_DIR: folder };
  const company = await cast({ client: "tcp", settings });
  const B = await outlaw(company, "tcp");
  await register(B, company.C);
  expect((await admin.ask("POST", "/api/bans", { address: "127.0.0.8/30", seconds: 60 })).status).toBe(200);
  await B.wire.closed;
  B.leave();
  await company.SUT.stop();
  const again = await cast({ client: "tcp", settings });
  expect((await admin.get("/api/bans")).json["bans"]).toMatchObject([{ address: "127.0.0.8/30" }]);
  const refused = await TcpConnection.open({ host: "127.0.0.1", port: Number(again.client.split(":")[1]) }, B.receive, { localHost: OUTLAW });
  await refused.expectClosed();
  expect((await admin.ask("DELETE", `/api/bans/${encodeURIComponent("127.0.0.8/30")}`)).status).toBe(200);
  await register(await outlaw(again, "tcp"), again.C);
});

test("SA-14 a ban needs an address, and a ban that does not exist cannot be lifted", async () => {
  const admin = await Admin.choose();
  await cast({ settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
  expect((await admin.ask("POST", "/api/bans", { address: "no address" })).status).toBe(400);
  expect((await admin.ask("DELETE", "/api/bans/203.0.113.9")).status).toBe(404);
});
