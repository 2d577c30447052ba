/** A copy that cannot be sent fails its branch at once and leaves no state (RFC 3261 16.9, 17.1.4, RFC 5626 7). */
import { expect, test } from "vitest";
import { Home, instanceOf } from "../support/home.js";

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";
/** No timer moves a call while a test waits, so it moves at once or not at all. */
const NEVER_LATER = { SLUICE_FAILOVER_MS: "600000" };

test("OB-7-13 PX-16.9-1 both flows of a phone end while a call is set up: 480 at once, and a drain does not wait for anything", async () => {
  const home = await Home.open({ SLUICE_SHARDS: "1", SLUICE_DRAIN_SECONDS: "600", ...NEVER_LATER });
  const first = await home.phone("bob", "tcp");
  const second = await home.phone("bob", "tcp");
  await home.register(first, { instance: instanceOf("bob"), regId: 1 });
  await home.register(second, { instance: instanceOf("bob"), regId: 2 });
  const A = await home.phone("A");
  await A.say(INVITE);
  await second.request("INVITE");
  await Promise.all([first.close(), second.close()]);
  await A.response(480);
  await home.close();
});

for (const method of ["INVITE", "MESSAGE"]) {
  for (const [what, contact] of [["0.0.0.0", "sip:bob@0.0.0.0:5062"], ["a multicast address", "sip:bob@224.0.0.1:5062"]] as const) {
    test(`OB-7-13 ${method} for a Contact of ${what}: 480 at once`, async () => {
      const home = await Home.shared({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2" });
      const edge = await home.edge("edge", "127.0.0.2");
      await edge.say(home.registerOf(edge, { user: "bob", contact }));
      await edge.response(200);
      const A = await home.phone("A");
      await A.say(`${method} sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>`);
      await A.response(480);
    });
  }
}

test("OB-7-12 if a copy cannot be sent, the next way to the device is tried at once", async () => {
  const home = await Home.shared({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2" });
  const edge = await home.edge("edge", "127.0.0.2");
  await home.registerBehind(edge, "bob", { instance: instanceOf("bob"), regId: 1 });
  await home.registerBehind(edge, "bob", { instance: instanceOf("bob"), regId: 2, path: "<sip:token@0.0.0.0:5060;lr;ob>" });
  const A = await home.phone("A");
  await A.say(INVITE);
  const copy = await edge.request("INVITE");
  expect(copy.header("Route")).toContain("token-bob-1");
  await edge.reply("486 Busy Here");
  await A.response(486);
});

test("PX-16.7-6 a forked call: an unreachable phone does not hold up the others", async () => {
  const home = await Home.shared({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2" });
  const edge = await home.edge("edge", "127.0.0.2");
  await edge.say(home.registerOf(edge, { user: "bob", contact: "sip:bob@0.0.0.0:5062" }));
  await edge.response(200);
  await home.registerBehind(edge, "bob", { instance: instanceOf("bob") });
  const A = await home.phone("A");
  await A.say(INVITE);
  await edge.request("INVITE");
  await edge.reply("486 Busy Here");
  await A.response(486);
});
