/** A flow that ends takes its bindings with it, whoever they belong to, and nobody else ever gets what was meant for it (RFC 5626 7). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { TcpConnection } from "../support/tcp-connection.js";

function invite(user: string, scene: string, id: string): string {
  return `INVITE sip:${user}@example.com SIP/2.0\nCall-ID: ${id}@${scene}\nContact: <sip:A@192.0.2.1>`;
}

/** The disk may be updated a moment later, although no call goes there any longer. */
async function expectNoBindings(A: Party, user: string): Promise<void> {
  let contacts: readonly string[] = ["?"];
  for (let times = 0; times < 20 && contacts.length > 0; times += 1) {
    await sleep(times * 20);
    await A.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:${user}@example.com>\nCall-ID: query-${times}-${user}@${A.scene}`);
    contacts = (await A.response(200)).all("Contact");
  }
  expect(contacts).toEqual([]);
}

for (const end of ["FIN", "RST"] as const) {
  test(`OB-7-13 ${end} of a connection ends the bindings of every address on it at once`, async () => {
    const home = await Home.shared();
    const U = await home.phone("U", "tcp");
    const A = await home.phone("A");
    await home.register(U, { user: "bob", instance: instanceOf("U") });
    await home.register(U, { user: "carol" });
    if (end === "RST" && U.wire instanceof TcpConnection) await U.wire.reset();
    else await U.close();
    await A.settle();
    for (const user of ["bob", "carol"]) {
      await A.say(invite(user, home.scene, user));
      await A.response(480);
      await expectNoBindings(A, user);
    }
  });
}

test("OB-7-13 PX-16.9-1 the caller of a call pending on the flow gets 480 at once", async () => {
  const home = await Home.shared();
  const U = await home.phone("bob", "tcp");
  const A = await home.phone("A");
  await home.register(U, { instance: instanceOf("U") });
  await A.say(invite("bob", home.scene, "pending"));
  await U.request("INVITE");
  await U.reply("180 Ringing");
  await A.response(180);
  await U.close();
  await A.response(480);
});

test("OB-7-13 OB-7-3 SA-1 the call moves to the device's other flow when its connection ends", async () => {
  const home = await Home.shared();
  const one = await home.phone("one", "tcp");
  const two = await home.phone("two", "udp");
  const A = await home.phone("A");
  await home.register(two, { user: "bob", instance: instanceOf("U"), regId: 2 });
  await home.register(one, { user: "bob", instance: instanceOf("U"), regId: 1 });
  await A.say(invite("bob", home.scene, "move"));
  await one.request("INVITE");
  await two.nothing();
  await one.close();
  await two.request("INVITE");
  await two.reply("200 OK", `Contact: <sip:two@${two.at}>`);
  await A.response(200);
});

test("OB-7-13 ICMP unreachable ends the bindings of a UDP flow", async () => {
  const home = await Home.shared();
  const U = await home.phone("bob", "udp");
  const A = await home.phone("A");
  await home.register(U, { instance: instanceOf("U") });
  await U.close();
  U.leave();
  await A.say(invite("bob", home.scene, "icmp"));
  await A.response(480);
  await expectNoBindings(A, "bob");
});

test("OB-7-14 a connection closed by the server is gone too, and a new one from the same port is not the old flow", async () => {
  const home = await Home.shared({ SLUICE_IDLE_SECONDS: "1" });
  // A port of our choice can be bound again at once; one that the kernel chose, only when the old socket is completely gone.
  const port = await freePort();
  const U = await home.phone("bob", "tcp", port);
  await home.register(U, { instance: instanceOf("U") });
  if (U.wire instanceof TcpConnection) await U.wire.expectClosed();
  const U2 = await home.phone("U2", "tcp", port);
  const A = await home.phone("A");
  await A.say(invite("bob", home.scene, "reuse"));
  await A.response(480);
  await U2.nothing();
});

test("OB-6-24 OB-5.4-14 Flow-Timer: a silent flow is dead, and so is its binding", async () => {
  const home = await Home.shared({ SLUICE_FLOW_TIMER: "1" });
  const U = await home.phone("bob", "udp");
  const A = await home.phone("A");
  const answer = await home.register(U, { instance: instanceOf("U") });
  expect(answer.header("Flow-Timer")).toBe("1");
  expect(answer.header("Require")).toBe("outbound");
  await sleep(6_000);
  await expectNoBindings(A, "bob");
  await A.say(invite("bob", home.scene, "timer"));
  await A.response(480);
  await U.nothing();
});

test("OB-6-24 SA-1 a restart ends the connections, so a call gets 480 until the phone is back", async () => {
  const home = await Home.spawn();
  const tcp = await home.phone("bob", "tcp");
  const udp = await home.phone("carol", "udp");
  await home.register(tcp, { instance: instanceOf("bob") });
  await home.register(udp, { instance: instanceOf("carol") });
  await home.server.restart();
  const A = await home.phone("A");
  await A.say(invite("bob", home.scene, "gone"));
  await A.response(480);
  await A.say(invite("carol", home.scene, "there"));
  await udp.request("INVITE");
  await home.connect(tcp, "tcp");
  await home.register(tcp, { instance: instanceOf("bob") });
  await A.say(invite("bob", home.scene, "back"));
  await tcp.request("INVITE");
});
