/** A core-side port for each shard: whatever the core sends comes to the shard that has the flow. */
import { expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";
import { Party } from "../support/party.js";

const SHARDS = 3;
const CLIENTS = 12;

/** The counters of a scrape that begin with a name. */
async function counted(admin: Admin, name: string): Promise<readonly number[]> {
  const { text } = await admin.get("/metrics");
  return [...text.matchAll(new RegExp(`^sluice_${name}(?:\\{[^}]*\\})? (\\d+)$`, "gm"))].map(([, value]) => Number(value));
}

function portOf(value: string): number {
  return Number(/@[^:>]+:(\d+)/.exec(value)?.[1]);
}

async function callerAt(company: Cast, port: number, transport: "udp" | "tcp"): Promise<Party> {
  const party = new Party(`caller${port}`, `127.0.0.1:${port}`, company.scene, company.company);
  return party.attach(await company.dial(party, port, transport, 0));
}

for (const core of ["udp", "tcp"] as const) {
  test(`SA-6 each shard has its own port in Via and Path, and nothing crosses, core over ${core}`, async () => {
    const admin = await Admin.choose();
    const settings = { SLUICE_SHARDS: String(SHARDS), SLUICE_ADMIN_LISTEN: admin.listen };
    const company = await cast({ core, corePorts: SHARDS, own: true, settings });
    const first = Number(company.core.split(":")[1]);
    const ports = new Set<number>();
    for (let at = 0; at < CLIENTS; at += 1) {
      const client = await company.newClient(`client${at}`, at % 2 === 0 ? "udp" : "tcp");
      const path = await register(client, company.C);
      const port = portOf(path[0] ?? "");
      ports.add(port);
      expect(port).toBeGreaterThanOrEqual(first);
      expect(port).toBeLessThan(first + SHARDS);
      await client.say("MESSAGE sip:x@example.com SIP/2.0");
      const relayed = await company.C.request("MESSAGE");
      expect(relayed.header("Via")).toContain(` 127.0.0.1:${port};`);
      if (core === "udp") expect(company.C.last.from).toBe(`127.0.0.1:${port}`);
      await company.C.reply("200 OK");
      await client.response(200);
      const caller = await callerAt(company, port, core);
      await caller.say(`MESSAGE sip:x@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
      await client.request("MESSAGE");
      await client.reply("200 OK");
      await caller.response(200);
      await caller.close();
    }
    expect(ports.size).toBeGreaterThan(1);
    expect(await counted(admin, "shard_crossings_total")).toEqual([0]);
    const read = await counted(admin, "shard_messages_received_total");
    expect(read).toHaveLength(SHARDS);
    expect(read.filter((messages) => messages > 0).length).toBeGreaterThanOrEqual(ports.size);
  });
}

test("SA-6 a request at the port of another shard still finds its flow", async () => {
  const admin = await Admin.choose();
  const company = await cast({ corePorts: SHARDS, own: true, settings: { SLUICE_SHARDS: String(SHARDS), SLUICE_ADMIN_LISTEN: admin.listen } });
  const path = await register(company.U, company.C);
  const first = Number(company.core.split(":")[1]);
  for (let port = first; port < first + SHARDS; port += 1) {
    const caller = await callerAt(company, port, "udp");
    // A proxy that was told of the edge by hand sends to a port of its choice, whatever the Route says.
    await caller.say(`MESSAGE sip:x@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
    await company.U.request("MESSAGE");
    await company.U.reply("200 OK");
    await caller.response(200);
  }
  const [crossed = 0] = await counted(admin, "shard_crossings_total");
  expect(crossed).toBeGreaterThanOrEqual(SHARDS - 1);
});
