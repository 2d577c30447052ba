/** The upstream: several targets, dead ones, none at all (RFC 3263, RFC 3261 16.6 step 7). */
import { expect, onTestFinished, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import { freePort } from "../support/ports.js";
import { CoreTcp } from "../support/core-tcp.js";
import { Home } from "../support/home.js";
import { Edge, type Settings } from "../support/edge.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { Party } from "../support/party.js";

/** Another core on its own port. */
async function anotherCore(company: Cast, name: string, port: number): Promise<Party> {
  const party = new Party(name, company.core, company.scene, company.company);
  const [host = "", corePort = ""] = company.core.split(":");
  const wire = await CoreTcp.open({ host, port: Number(corePort) }, party.receive, port, false);
  onTestFinished(() => wire.close());
  return party.attach(wire);
}

test("DNS-5 DNS-8 a dead first target is skipped for the second", async () => {
  const [dead, alive] = [await freePort(), await freePort()];
  const upstream = [`sip:127.0.0.1:${dead};transport=tcp;priority=1`, `sip:127.0.0.1:${alive};transport=tcp;priority=2`];
  const company = await cast({ client: "tcp", core: "tcp", settings: { SLUICE_UPSTREAM: upstream.join(",") } });
  const second = await anotherCore(company, "second", alive);
  const { U } = company;
  await U.say("MESSAGE sip:bob@example.com SIP/2.0");
  await second.request("MESSAGE");
  await second.reply("200 OK");
  await U.response(200);
});

test("DNS-5 a request that a dead TCP target could not take reaches a UDP target, with our Via for UDP", async () => {
  const dead = await freePort();
  const company = await cast({ client: "tcp", core: "udp" });
  const { U, C } = company;
  const upstream = [`sip:127.0.0.1:${dead};transport=tcp;priority=1`, `${company.SUT.settings["SLUICE_UPSTREAM"] ?? ""};priority=2`];
  const other = await Edge.start({ ...company.SUT.settings, ...(await freshListeners(company)), SLUICE_UPSTREAM: upstream.join(",") });
  onTestFinished(() => other.stop());
  const [host = "", port = ""] = (other.settings["SLUICE_LISTEN"] ?? "").replace(/^udp:|,.*/g, "").split(":");
  U.attach(await TcpConnection.open({ host, port: Number(port) }, U.receive));
  await U.say("MESSAGE sip:bob@example.com SIP/2.0");
  const message = await C.request("MESSAGE");
  expect(message.all("Via")[0]).toMatch(/^SIP\/2\.0\/UDP .*;rport/);
  await C.reply("200 OK");
  await U.response(200);
});

test("DNS-5 TR-9 what is too large for UDP goes to the core over TCP if a target offers that (RFC 3261 18.1.1)", async () => {
  const port = await freePort();
  const company = await cast({ client: "tcp", core: "udp" });
  const { U, C } = company;
  const upstream = `${company.SUT.settings["SLUICE_UPSTREAM"] ?? ""};priority=1,sip:127.0.0.1:${port};transport=tcp;priority=2`;
  const fresh = await freshListeners(company);
  const other = await Edge.start({ ...company.SUT.settings, ...fresh, SLUICE_UPSTREAM: upstream });
  onTestFinished(() => other.stop());
  const stream = new Party("stream", company.core, company.scene, company.company);
  const wire = await CoreTcp.open({ host: "127.0.0.1", port: Number(fresh["SLUICE_CORE_LISTEN"]?.split(":").at(-1)) }, stream.receive, port, false);
  onTestFinished(() => wire.close());
  stream.attach(wire);
  U.attach(await TcpConnection.open({ host: "127.0.0.1", port: Number(fresh["SLUICE_LISTEN"]?.split(":").at(-1)) }, U.receive));
  await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nContent-Type: text/plain\n\n${"a".repeat(1_300)}`);
  expect((await stream.request("MESSAGE")).all("Via")[0]).toMatch(/^SIP\/2\.0\/TCP /);
  await stream.reply("200 OK");
  await U.response(200);
  await U.say("MESSAGE sip:bob@example.com SIP/2.0\nCSeq: 2 MESSAGE\nContent-Type: text/plain\n\nsmall");
  await C.request("MESSAGE");
});

const LARGE = `Content-Type: text/plain\n\n${"a".repeat(1_300)}`;

test.each([true, false])("TR-9 a large request to a UDP core goes over TCP instead, unless the core refuses TCP; it speaks TCP: %s", async (speaksTcp) => {
  const company = await cast({ client: "tcp", core: "udp" });
  const { U, C } = company;
  const stream = new Party("stream", company.core, company.scene, company.company);
  if (speaksTcp) {
    const wire = await CoreTcp.open({ host: company.host, port: Number(company.core.split(":")[1]) }, stream.receive, Number(C.at.split(":")[1]), false);
    onTestFinished(() => wire.close());
    stream.attach(wire);
  }
  for (const number of [1, 2]) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${number} MESSAGE\n${LARGE}`);
    const core = speaksTcp ? stream : C;
    expect((await core.request("MESSAGE")).all("Via")[0]).toMatch(speaksTcp ? /^SIP\/2\.0\/TCP / : /^SIP\/2\.0\/UDP /);
    await core.reply("200 OK");
    await U.response(200);
  }
  await U.say("MESSAGE sip:bob@example.com SIP/2.0\nCSeq: 3 MESSAGE");
  await C.request("MESSAGE");
});

test.each([true, false])("TR-9 so does a large request of the home proxy to a trunk; it speaks TCP: %s", async (speaksTcp) => {
  const port = await freePort("127.0.0.5");
  const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.5:${port}`, SLUICE_TRUSTED: "127.0.0.2" });
  const [trunk, caller] = [await home.edge("trunk", "127.0.0.5", "udp", port), await home.edge("caller", "127.0.0.2", "tcp")];
  const core = speaksTcp ? await home.edge("stream", "127.0.0.5", "tcp", port) : trunk;
  await caller.say(`MESSAGE sip:x@pstn.example.net SIP/2.0\nFrom: <sip:y@other.example>;tag=1\n${LARGE}`);
  expect((await core.request("MESSAGE")).all("Via")[0]).toMatch(speaksTcp ? /^SIP\/2\.0\/TCP / : /^SIP\/2\.0\/UDP /);
  await core.reply("200 OK");
  await caller.response(200);
});

async function freshListeners(company: Cast): Promise<Settings> {
  const both = (port: number): string => `udp:${company.host}:${port},tcp:${company.host}:${port}`;
  return { SLUICE_LISTEN: both(await freePort()), SLUICE_CORE_LISTEN: both(await freePort()) };
}

test("DNS-8 a target that comes back is used again", async () => {
  const port = await freePort();
  const settings = { SLUICE_UPSTREAM: `sip:127.0.0.1:${port};transport=tcp`, SLUICE_UPSTREAM_PROBE_SECONDS: "1" };
  const company = await cast({ client: "tcp", core: "tcp", settings });
  const { U } = company;
  await U.say("MESSAGE sip:bob@example.com SIP/2.0");
  await U.response(503);
  const late = await anotherCore(company, "late", port);
  await expect
    .poll(
      async () => {
        await U.say("MESSAGE sip:bob@example.com SIP/2.0");
        const next = await Promise.race([U.next(), late.next()]);
        return next.isResponse ? next.status : next.method;
      },
      { timeout: 15_000, interval: 300 },
    )
    .toBe("MESSAGE");
});

test("PX-16.9-1 TR-23 without a live target the response is 503 with Retry-After, at once", async () => {
  const port = await freePort();
  const { U } = await cast({ client: "tcp", settings: { SLUICE_UPSTREAM: `sip:127.0.0.1:${port};transport=tcp` } });
  await U.say("REGISTER sip:example.com SIP/2.0\nContact: <sip:U@192.0.2.1>");
  const refused = await U.response(503);
  expect(Number(refused.header("Retry-After"))).toBeGreaterThan(0);
});

test("PX-16.9-1 without any upstream configured the response is 503 with Retry-After", async () => {
  const { U } = await cast({ settings: { SLUICE_UPSTREAM: "" } });
  await U.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U@192.0.2.1>");
  const refused = await U.response(503);
  expect(Number(refused.header("Retry-After"))).toBeGreaterThan(0);
});

test("DNS-1 DNS-2 a numeric target needs no DNS, and its transport is what the URI says", async () => {
  for (const core of ["udp", "tcp"] as const) {
    const { U, C } = await cast({ core });
    await U.say("MESSAGE sip:bob@example.com SIP/2.0");
    await C.request("MESSAGE");
    expect(C.last.transport).toBe(core);
  }
});

test("DNS-9 a name is resolved to its addresses", async () => {
  const port = await freePort();
  const company = await cast({ core: "tcp", settings: { SLUICE_UPSTREAM: `sip:localhost:${port};transport=tcp` } });
  const named = await anotherCore(company, "named", port);
  await expect
    .poll(
      async () => {
        await company.U.say("MESSAGE sip:bob@example.com SIP/2.0");
        const next = await Promise.race([company.U.next(), named.next()]);
        return next.method;
      },
      { timeout: 10_000, interval: 300 },
    )
    .toBe("MESSAGE");
});

test("DNS-11 names written by a client are never looked up and never contacted", async () => {
  const { U, C } = await cast();
  await U.say("INVITE sip:bob@host.invalid SIP/2.0\nContact: <sip:U@df7jal23ls0d.invalid;ob>");
  await C.request("INVITE");
  await U.say("INVITE sip:bob@example.com SIP/2.0\nCSeq: 2 INVITE\nRoute: <sip:host.invalid;lr>");
  await U.atOnce(403);
});

test("OB-8-9 we never send STUN requests", async () => {
  const { U, C } = await cast({ settings: { SLUICE_FLOW_TIMER: "30" } });
  await U.say("MESSAGE sip:bob@example.com SIP/2.0");
  await C.request("MESSAGE");
  await U.nothing(500);
  await C.nothing(500);
});
