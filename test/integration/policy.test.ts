/** The operator's own policy: its hooks decide, and a fault costs one request and nothing more. */
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import { Edge } from "../support/edge.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { UdpSocket } from "../support/udp-socket.js";

const policy = (name: string): string => fileURLToPath(new URL(`policies/${name}.mjs`, import.meta.url));
const settings = { SLUICE_POLICY: policy("tenant") };

test("the built-in policy decides whatever no hook decides", async () => {
  const { U, C } = await cast({ settings });
  await U.say('REGISTER sip:example.com SIP/2.0\nContact: <sip:U@192.0.2.1>;reg-id=1;+sip.instance="<urn:uuid:0>"');
  expect((await C.request("REGISTER")).all("Path")).toHaveLength(2);
  await C.reply("200 OK");
  await U.response(200);
});

test("allow: false is 403, and an ACK is dropped", async () => {
  const { U, C } = await cast({ settings });
  await U.say("INVITE sip:bob@example.com SIP/2.0\nFrom: <sip:eve@blocked.example.com>;tag=1\nContact: <sip:U@192.0.2.1>");
  await U.response(403);
  await U.say("ACK sip:bob@example.com SIP/2.0\nFrom: <sip:eve@blocked.example.com>;tag=1");
  await U.nothing();
  await C.nothing();
});

test("reply: the edge answers with the hook's reply, and the hook sees the real source", async () => {
  const { U, C } = await cast({ settings });
  await U.say("OPTIONS sip:policy@example.com SIP/2.0");
  const answer = await U.response(299);
  expect(answer.startLine).toBe("SIP/2.0 299 Seen By Policy");
  expect(answer.header("X-Source")).toBe(`udp ${U.wire.port}`);
  await C.nothing();
});

test("DET-6 forceOutbound: a flow token for a client that does not know outbound", async () => {
  const { U, C } = await cast({ settings });
  await U.say("REGISTER sip:example.com SIP/2.0\nUser-Agent: Old-Phone 1.0\nContact: <sip:U@192.0.2.1>");
  expect((await C.request("REGISTER")).all("Path")).toHaveLength(2);
  await U.say("INVITE sip:bob@example.com SIP/2.0\nCSeq: 2 INVITE\nUser-Agent: Old-Phone 1.0\nContact: <sip:U@192.0.2.1>");
  expect((await C.request("INVITE")).all("Record-Route")).toHaveLength(2);
});

test("DET-1 DET-9 isOutboundRequested: the hook decides instead of the signs in the request", async () => {
  const { U, C } = await cast({ settings });
  await U.say("INVITE sip:bob@example.com SIP/2.0\nX-Outbound: no\nContact: <sip:U@192.0.2.1;ob>");
  expect((await C.request("INVITE")).all("Record-Route")).toEqual([]);
  await U.say("INVITE sip:bob@example.com SIP/2.0\nCSeq: 2 INVITE\nX-Outbound: yes\nContact: <sip:U@192.0.2.1>");
  expect((await C.request("INVITE")).all("Record-Route")).toHaveLength(2);
});

test("route: chooses one of several upstreams", async () => {
  const port = await freePort();
  const company = await cast();
  const second = await anotherUpstream(company, port);
  const upstream = [company.SUT.settings["SLUICE_UPSTREAM"] ?? "", `sip:127.0.0.1:${port};priority=9`].join(",");
  const edgePort = await freePort();
  const edge = await Edge.start({ ...settings, SLUICE_LISTEN: `udp:127.0.0.1:${edgePort}`, SLUICE_UPSTREAM: upstream });
  onTestFinished(() => edge.stop());
  const { U, C } = company;
  U.attach(await UdpSocket.open({ host: "127.0.0.1", port: edgePort }, U.receive));
  await U.say("MESSAGE sip:second@example.com SIP/2.0");
  await second.request("MESSAGE");
  await U.say("MESSAGE sip:first@example.com SIP/2.0\nCSeq: 2 MESSAGE");
  await C.request("MESSAGE");
});

test("SA-14 a hook that throws costs its request a 500, and the next one is served", async () => {
  const { SUT, U, C } = await cast({ settings, own: true });
  for (const user of ["faulty", "injected"]) {
    await U.say(`MESSAGE sip:${user}@example.com SIP/2.0`);
    const answer = await U.response(500);
    expect(answer.all("Via")).toHaveLength(1);
  }
  await expect.poll(() => SUT.output).toContain("a fault in the policy");
  await U.say("MESSAGE sip:bob@example.com SIP/2.0\nCSeq: 2 MESSAGE");
  await C.request("MESSAGE");
});

test("SA-14 a hook that returns a promise costs its request a 500 and a line in the log, whatever becomes of the promise", async () => {
  const { SUT, U, C } = await cast({ settings: { SLUICE_POLICY: policy("asynchronous") } });
  for (const user of ["refused", "rejected"]) {
    await U.say(`MESSAGE sip:${user}@example.com SIP/2.0`);
    await U.response(500);
  }
  await expect.poll(() => SUT.output).toContain("the hook allow returned a promise");
  await C.nothing();
});

test("a module that exports an unknown hook stops the start with one line", async () => {
  const edge = Edge.launch({ SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_POLICY: policy("misspelt") });
  onTestFinished(() => edge.stop());
  expect(await edge.exited()).not.toBe(0);
  expect(edge.output).toContain("SLUICE_POLICY: unknown hook alow");
});

async function anotherUpstream(company: Cast, port: number): Promise<Party> {
  const party = new Party("second", company.core, company.scene, company.company);
  const wire = await UdpSocket.open({ host: "127.0.0.1", port: company.U.wire.port }, party.receive, { localPort: port });
  onTestFinished(() => wire.close());
  return party.attach(wire);
}
