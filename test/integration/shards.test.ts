/** Four shards: a request arrives on one, its flow lives on another, and nothing is lost between them. */
import { expect, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import type { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { register } from "../support/calls.js";
import { sendBack, sendOn } from "../support/core-proxy.js";

const CALLS = 1_000;
const CLIENTS = 16;
const CALLERS = 8;
const settings = { SLUICE_SHARDS: "4" };

interface Reachable {
  readonly party: Party;
  readonly path: readonly string[];
}

async function population(company: Cast): Promise<Reachable[]> {
  const all: Reachable[] = [];
  for (let at = 0; at < CLIENTS; at += 1) {
    const party = await company.newClient(`client${at}`, at % 2 === 0 ? "udp" : "tcp");
    all.push({ party, path: await register(party, company.C) });
  }
  return all;
}

for (const core of ["udp", "tcp"] as const) {
  test(`SA-6 a thousand calls along tokens of all shards, none lost, core over ${core}`, async () => {
    const company = await cast({ core, settings });
    const clients = await population(company);
    const callers = await Promise.all(Array.from({ length: CALLERS }, (_, at) => company.newCaller(`caller${at}`)));
    // Each caller has its own share of the clients, so that each party reads only its own messages.
    const share = CLIENTS / CALLERS;
    let answered = 0;
    await Promise.all(
      callers.map(async (caller, index) => {
        for (let at = 0; at < CALLS / CALLERS; at += 1) {
          const client = clients[index * share + (at % share)];
          if (!client) throw new Error("no such client");
          const call = `Call-ID: ${index}-${at}@${company.scene}\nRoute: ${client.path.join(", ")}`;
          await caller.say(`INVITE sip:x@${client.party.at} SIP/2.0\n${call}\nContact: <sip:c@${caller.at}>`);
          const invite = await client.party.request("INVITE");
          expect(invite.header("Call-ID")).toBe(`${index}-${at}@${company.scene}`);
          await client.party.reply("200 OK", `Contact: <sip:x@${client.party.at}>`);
          await caller.response(200);
          await caller.say(`ACK sip:x@${client.party.at} SIP/2.0\n${call}\nTo: <sip:x@example.com>;tag=t`);
          await client.party.request("ACK");
          answered += 1;
        }
      }),
    );
    expect(answered).toBe(CALLS);
  });
}

test("SA-6 SA-7 a client's datagram reaches the core and the response reaches the client, whichever shard reads them", async () => {
  const company = await cast({ settings });
  for (let at = 0; at < 50; at += 1) {
    const client = await company.newClient(`visitor${at}`, at % 2 === 0 ? "udp" : "tcp");
    await client.say("MESSAGE sip:bob@example.com SIP/2.0");
    await company.C.request("MESSAGE");
    await company.C.reply("200 OK");
    await client.response(200);
    expect(client.last.from).toBe(company.client);
  }
});

test("SA-6 OB-5.3.1-9 a pending request gets 430 even if flow and request are on different shards", async () => {
  const company = await cast({ client: "tcp", settings });
  for (let at = 0; at < 12; at += 1) {
    const client = await company.newClient(`leaver${at}`);
    const caller = await company.newCaller(`waiting${at}`);
    const path = await register(client, company.C);
    await caller.say(`INVITE sip:x@${client.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:c@${caller.at}>`);
    await client.request("INVITE");
    await client.close();
    await caller.atOnce(430);
  }
});

test("SA-6 OB-5.3.1-4 the token of an ended connection is 430 from every shard", async () => {
  const company = await cast({ client: "tcp", settings });
  const path = await register(company.U, company.C);
  await company.U.close();
  await company.C.nothing(100);
  for (let at = 0; at < 12; at += 1) {
    const caller = await company.newCaller(`caller${at}`);
    await caller.say(`MESSAGE sip:x@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
    await caller.response(430);
  }
});

test("SA-6 OB-5.3-10 hairpins between clients of different shards", async () => {
  const company = await cast({ client: "tcp", settings });
  const { C, scene } = company;
  for (let at = 0; at < 8; at += 1) {
    const one = await company.newClient(`one${at}`);
    const other = await company.newClient(`other${at}`);
    const path = await register(other, C);
    const callId = `hairpin${at}@${scene}`;
    await one.say(`INVITE sip:x@example.com SIP/2.0\nCall-ID: ${callId}\nContact: <sip:one@${one.at};ob>`);
    await C.request("INVITE");
    const atCore = C.last;
    await sendOn(C, atCore, `sip:x@${other.at}`, path);
    const invite = await other.request("INVITE");
    await other.reply("200 OK", `Contact: <sip:x@${other.at};ob>`);
    await sendBack(await C.response(200), atCore);
    await one.response(200);
    await other.say(
      `BYE sip:one@${one.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=one\nRoute: ${invite.all("Record-Route").join(", ")}`,
    );
    await one.request("BYE");
    await one.reply("200 OK");
    await other.response(200);
  }
});

test("SA-6 a second edge on the same ports is refused, because shards share ports only among themselves", async () => {
  const { SUT } = await cast({ settings });
  const { Edge } = await import("../support/edge.js");
  const rival = Edge.launch({ ...SUT.settings, SLUICE_UPSTREAM: `sip:127.0.0.1:${await freePort()}` });
  expect(await rival.exited()).not.toBe(0);
  await rival.stop();
});
