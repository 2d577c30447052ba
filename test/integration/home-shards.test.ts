/** Several shards: one calls a binding of another over the ring, and all learn of its end (RFC 5626 3.3). */
import { test } from "vitest";
import { Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";

const SHARDS = { SLUICE_SHARDS: "4" };
const PHONES = 12;

function inviteTo(user: string, scene: string, id: string): string {
  return `INVITE sip:${user}@example.com SIP/2.0\nCall-ID: ${id}@${scene}\nContact: <sip:A@192.0.2.1>`;
}

async function phones(home: Home): Promise<readonly Party[]> {
  const all: Party[] = [];
  for (let at = 0; at < PHONES; at += 1) {
    const phone = await home.phone(`p${at}`, at % 2 === 0 ? "tcp" : "udp");
    await home.register(phone, { instance: instanceOf(phone.name) });
    all.push(phone);
  }
  return all;
}

test("SA-6 SA-5 OB-7-12 every phone is called on its own flow, whichever shard received the call", async () => {
  const home = await Home.shared(SHARDS);
  const all = await phones(home);
  for (const [at, phone] of all.entries()) {
    const caller = all[(at + 5) % PHONES];
    if (!caller) throw new Error("no caller");
    await caller.say(inviteTo(phone.name, home.scene, `call-${at}`));
    await phone.request("INVITE");
    await phone.reply("180 Ringing");
    await caller.response(180);
    await phone.reply("200 OK", `Contact: <sip:${phone.name}@${phone.at}>`);
    const ok = await caller.response(200);
    const route = [...ok.all("Record-Route")].reverse().join(", ");
    const inDialog = `Call-ID: call-${at}@${home.scene}\nTo: ${ok.header("To")}\nRoute: ${route}`;
    await caller.say(`ACK sip:${phone.name}@${phone.at} SIP/2.0\n${inDialog}`);
    await phone.request("ACK");
    await caller.say(`BYE sip:${phone.name}@${phone.at} SIP/2.0\nCSeq: 2 BYE\n${inDialog}`);
    await phone.request("BYE");
    await phone.reply("200 OK");
    await caller.response(200);
  }
});

test("OB-7-13 PX-16.9-1 the shard where the call waits learns that the connection has ended", async () => {
  const home = await Home.shared(SHARDS);
  const callers = await Promise.all([0, 1, 2, 3, 4, 5].map((at) => home.phone(`caller${at}`, "tcp")));
  const bob = await home.phone("bob", "tcp");
  await home.register(bob, { instance: instanceOf("bob") });
  for (const [at, caller] of callers.entries()) {
    await caller.say(inviteTo("bob", home.scene, `wait-${at}`));
    await bob.request("INVITE");
  }
  await bob.close();
  for (const caller of callers) await caller.response(480);
});
