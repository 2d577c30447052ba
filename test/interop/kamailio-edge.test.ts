/**
 * Kamailio as the edge in front of our registrar: its tokens and `ob`, its 430 for a dead flow, and then the other flow.
 *
 * Needs: kamailio, baresip
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { Home, instanceOf } from "../support/home.js";
import { Party } from "../support/party.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { Baresip } from "./support/baresip.js";
import { Kamailio } from "./support/kamailio.js";
import { testWith } from "../support/test-with.js";

const test = testWith("kamailio", "baresip");
const HOST = "127.0.0.2";

async function stage(): Promise<{ readonly home: Home; readonly edge: Kamailio }> {
  const home = await Home.spawn({ SLUICE_MODE: "registrar", SLUICE_EDGES: HOST, SLUICE_FAILOVER_MS: "600000" });
  const edge = await Kamailio.startEdge(HOST, home.at);
  onTestFinished(() => edge.stop());
  return { home, edge };
}

/** One of bob's phones, connected to Kamailio and registered. */
async function phone(home: Home, edge: Kamailio, regId: number): Promise<Party> {
  const party = new Party("bob", edge.at, home.scene, new Set());
  party.attach(await TcpConnection.open({ host: HOST, port: edge.port }, party.receive));
  onTestFinished(() => party.close());
  const answer = await home.register(party, { instance: instanceOf("bob"), regId });
  expect(answer.header("Require")).toBe("outbound");
  expect(answer.header("Path")).toMatch(new RegExp(`^<sip:[^@]+@${edge.at}[^>]*;ob`));
  return party;
}

test("SA-20 OB-7-3 OB-7-7 OB-6-36 Kamailio's flow is dead: its 430 moves the call to the next flow, and the binding goes", async () => {
  const { home, edge } = await stage();
  const second = await phone(home, edge, 2);
  const first = await phone(home, edge, 1);
  const caller = await home.phone("caller");
  const call = (id: string): Promise<unknown> => caller.say(`INVITE sip:bob@example.com SIP/2.0\nCall-ID: ${id}@${home.scene}\nContact: <sip:caller@${caller.at}>`);
  await call("alive");
  await first.request("INVITE");
  await first.reply("486 Busy Here");
  await caller.response(486);
  await first.request("ACK");

  await first.close();
  // One Kamailio process learns that the connection has ended, another one sends.
  await sleep(200);
  await call("dead");
  // At once: no timer moves the call while a test waits.
  await second.request("INVITE");
  await second.reply("486 Busy Here");
  await caller.response(486);
  await expect.poll(() => home.contactsOf(caller, "bob")).toEqual([expect.stringContaining("reg-id=2")]);
});

test("SA-20 OB-6-36 two baresip behind Kamailio call each other through our registrar", async () => {
  const { edge } = await stage();
  const alice = await Baresip.start({ user: "alice", edge: edge.at, transports: ["udp"] });
  onTestFinished(() => alice.stop());
  const bob = await Baresip.start({ user: "bob", edge: edge.at, transports: ["tcp"] });
  onTestFinished(() => bob.stop());
  await alice.call(bob);
  await alice.hangUp();
  await bob.hungUp();
});
