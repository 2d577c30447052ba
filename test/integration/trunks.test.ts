/** Our users' calls to other domains: which upstream takes them, and what happens if it is dead (RFC 3263 4.3). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Home } from "../support/home.js";
import { CoreTcp } from "../support/core-tcp.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { UdpSocket } from "../support/udp-socket.js";

/** An upstream of this home, which answers probes by itself. */
async function trunk(home: Home, name: string, port: number, transport: "udp" | "tcp" = "udp"): Promise<Party> {
  const party = new Party(name, home.at, home.scene, home.company);
  const target = { host: home.host, port: home.port };
  const open = transport === "udp" ? UdpSocket.open(target, party.receive, { localPort: port, localHost: home.host }) : CoreTcp.open(target, party.receive, port, false, home.host);
  return party.attach(await open);
}

/** No timer moves a call while a test waits, so it moves at once or not at all. */
const NEVER_LATER = { SLUICE_FAILOVER_MS: "600000" };

const callTo = (number: number, method = "INVITE"): string =>
  `${method} sip:${number}@other.example.net SIP/2.0\nFrom: <sip:A@example.com>;tag=a\nTo: <sip:${number}@other.example.net>\nCall-ID: call-${number}@scene\nContact: <sip:A@192.0.2.1>`;

test("DNS-8 the home proxy skips an upstream that its probes found dead", async () => {
  const [dead, live] = [await freePort(), await freePort()];
  const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.1:${dead};priority=1,sip:127.0.0.1:${live};priority=2`, SLUICE_UPSTREAM_PROBE_SECONDS: "1", ...NEVER_LATER });
  const T = await trunk(home, "T", live);
  const A = await home.phone("A");
  for (let call = 1; call <= 3; call += 1) {
    await A.say(callTo(call));
    await T.request("INVITE");
    await T.reply("486 Busy Here");
    await T.request("ACK");
    await A.response(486);
  }
});

test("DNS-5 PX-16.6-7 priority first, then weight, and a call stays with its upstream", async () => {
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.1:${ports[0]};priority=1;weight=3,sip:127.0.0.1:${ports[1]};priority=1;weight=1,sip:127.0.0.1:${ports[2]};priority=2` });
  const trunks = [await trunk(home, "T0", ports[0]), await trunk(home, "T1", ports[1]), await trunk(home, "T2", ports[2])];
  const A = await home.phone("A");
  const taken: number[][] = [[], [], []];
  let done = false;
  for (const [index, one] of trunks.entries()) {
    void (async () => {
      while (!done) {
        const message = await one.next(60_000);
        taken[index]?.push(Number(/\d+/.exec(message.header("Call-ID"))?.[0]));
        await one.reply("200 OK");
      }
    })().catch(() => undefined);
  }
  for (const call of [...Array.from({ length: 40 }, (_, index) => index + 1), 1, 2, 3]) {
    await A.say(callTo(call, "MESSAGE"));
    await A.response(200);
  }
  done = true;
  const [heavy = [], light = [], later] = taken;
  expect(later).toEqual([]);
  expect(heavy.length).toBeGreaterThan(light.length);
  expect(new Set(light).size).toBeGreaterThan(0);
  for (const call of [1, 2, 3]) expect([heavy, light].map((calls) => calls.filter((one) => one === call).length).sort()).toEqual([0, 2]);
});

for (const transport of ["udp", "tcp"] as const) {
  test(`DNS-5 PX-16.9-1 an upstream where nobody listens, over ${transport}: the call goes to the next one at once`, async () => {
    const [dead, live] = [await freePort(), await freePort()];
    const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.1:${dead};transport=${transport};priority=1,sip:127.0.0.1:${live};priority=2`, ...NEVER_LATER });
    const T = await trunk(home, "T", live);
    const A = await home.phone("A");
    await A.say(callTo(1));
    await T.request("INVITE");
    await T.reply("200 OK", "Contact: <sip:x@192.0.2.9>");
    await A.response(200);
  });
}

test("DNS-5 an upstream that stays silent, and one that answers 503: the call goes to the next one", async () => {
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const upstream = ports.map((port, index) => `sip:127.0.0.1:${port};priority=${index}`).join();
  const home = await Home.start({ SLUICE_UPSTREAM: upstream, SLUICE_FAILOVER_MS: "300" });
  const [silent, busy, good] = [await trunk(home, "T0", ports[0]), await trunk(home, "T1", ports[1]), await trunk(home, "T2", ports[2])];
  const A = await home.phone("A");
  await A.say(callTo(1));
  await silent.request("INVITE");
  await busy.request("INVITE");
  await busy.reply("503 Service Unavailable");
  await good.request("INVITE");
  await good.reply("486 Busy Here");
  await A.response(486);
});

test("DNS-8 no live upstream: 503 with Retry-After, immediately once that is known", async () => {
  const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.1:${await freePort()};transport=tcp`, SLUICE_UPSTREAM_PROBE_SECONDS: "1", ...NEVER_LATER });
  const A = await home.phone("A");
  for (let call = 1; call <= 2; call += 1) {
    await A.say(callTo(call));
    const answer = await A.response(503);
    expect(answer.header("Retry-After")).toMatch(/^\d+$/);
    await sleep(50);
  }
});

test("PX-16.3-5 an emergency call by URN goes to the upstream, which knows who answers it; a REGISTER for a URN is 416", async () => {
  const port = await freePort();
  const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.1:${port}` });
  const T = await trunk(home, "T", port);
  const A = await home.phone("A");
  await A.say("INVITE urn:service:sos.police SIP/2.0\nFrom: <sip:A@example.com>;tag=a\nTo: <urn:service:sos.police>\nCall-ID: sos@scene\nContact: <sip:A@192.0.2.1>");
  const invite = await T.request("INVITE");
  expect(invite.startLine).toBe("INVITE urn:service:sos.police SIP/2.0");
  await T.reply("486 Busy Here");
  await T.request("ACK");
  await A.response(486);
  await A.say("REGISTER urn:service:sos SIP/2.0\nFrom: <sip:A@example.com>;tag=a\nTo: <sip:A@example.com>\nContact: <sip:A@192.0.2.1>");
  await A.response(416);
});

test("PX-16.3-5 without an upstream nobody here knows where an emergency call goes", async () => {
  const home = await Home.start({});
  const A = await home.phone("A");
  await A.say("INVITE urn:service:sos SIP/2.0\nFrom: <sip:A@example.com>;tag=a\nTo: <urn:service:sos>\nContact: <sip:A@192.0.2.1>");
  await A.response(403);
});
