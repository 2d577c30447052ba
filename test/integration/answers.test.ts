/** We do not amplify: a UDP source that may be forged gets three times the octets it has sent, plus one response. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { HOST, OTHER_HOST, core, hostPortOf, request, response, udp } from "../support/crowd.js";
import { Edge, type Settings } from "../support/edge.js";
import { freePort } from "../support/ports.js";

const DOMAIN = "example.com";

async function server(settings: Settings): Promise<number> {
  const port = await freePort(HOST);
  const edge = await Edge.start({ SLUICE_LISTEN: `udp:${HOST}:${port}`, SLUICE_DOMAINS: DOMAIN, SLUICE_T1_MS: "20", ...settings });
  onTestFinished(() => edge.stop());
  return port;
}

/** Sends requests from its own address and never shows that it heard anything; returns the octets sent and received. */
async function victim(port: number, requests: (at: string) => readonly string[]): Promise<{ readonly sent: number; readonly got: number }> {
  const socket = await udp(OTHER_HOST);
  let got = 0;
  let sent = 0;
  socket.on("message", (octets) => (got += octets.length));
  for (const text of requests(hostPortOf(socket))) {
    sent += text.length;
    socket.send(Buffer.from(text, "latin1"), port, HOST);
  }
  await sleep(2_000);
  return { sent, got };
}

/** How far the first final response may exceed that. */
const OVERDRAFT = 2_048;

test("a query for ten long Contacts with a forged source sends the victim little more than three times as much", async () => {
  const port = await server({ SLUICE_MODE: "standalone" });
  const owner = await udp();
  const at = hostPortOf(owner);
  const who = { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}` } as const;
  const contact = (number: number, size: number): string => `Contact: <sip:bob@192.0.2.${number};p=${"x".repeat(size)}>\r\n`;
  owner.send(request("REGISTER", { ...who, headers: contact(1, 1_100) }), port, HOST);
  const [refused] = (await once(owner, "message")) as [Buffer];
  expect(refused.toString()).toMatch(/^SIP\/2\.0 400/);
  for (let number = 1; number <= 10; number += 1) {
    owner.send(request("REGISTER", { ...who, headers: contact(number, 900) }), port, HOST);
    const [registered] = (await once(owner, "message")) as [Buffer];
    // The Contact it has registered is always included.
    expect(registered.toString()).toContain(`192.0.2.${number};`);
  }
  const { sent, got } = await victim(port, (here) => Array.from({ length: 20 }, () => request("REGISTER", { ...who, at: here })));
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThanOrEqual(3 * sent + OVERDRAFT);
});

test("a call to nobody from a forged source: the failure is not repeated without end", async () => {
  const port = await server({ SLUICE_MODE: "standalone" });
  const { sent, got } = await victim(port, (here) => [request("INVITE", { transport: "UDP", at: here, uri: `sip:nobody@${DOMAIN}`, headers: "Contact: <sip:a@127.0.0.2>\r\n" })]);
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThanOrEqual(4 * sent);
});

test("an edge: responses of the core and their repetitions reach a forged source up to three times what was sent, plus one response", async () => {
  const upstream = await core((text) => (text.startsWith("OPTIONS") ? Array.from({ length: 20 }, () => response(text, "200 OK", "", "x".repeat(100))) : []));
  const port = await server({ SLUICE_UPSTREAM: `sip:${HOST}:${upstream};transport=udp` });
  const { sent, got } = await victim(port, (here) => [request("OPTIONS", { transport: "UDP", at: here, uri: "sip:bob@elsewhere.example" })]);
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThanOrEqual(3 * sent + 1_000);
});

test("a caller with a short INVITE over UDP gets a long response although nothing shows that it hears us", async () => {
  const port = await server({ SLUICE_MODE: "standalone" });
  const phone = await udp(OTHER_HOST);
  const at = hostPortOf(phone);
  phone.on("message", (octets, from) => {
    const text = octets.toString("latin1");
    if (!text.startsWith("INVITE")) return;
    for (const answer of [response(text, "180 Ringing"), response(text, "200 OK", `Contact: <sip:bob@${at}>\r\n`, "v".repeat(1_400))]) phone.send(Buffer.from(answer, "latin1"), from.port, from.address);
  });
  phone.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:bob@${at}>\r\n` }), port, HOST);
  await once(phone, "message");
  const { got } = await victim(port, (here) => [request("INVITE", { transport: "UDP", at: here, uri: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:a@${here}>\r\n` })]);
  expect(got).toBeGreaterThan(1_400);
});

/** A phone that repeats a reliable 183 with so many octets of SDP until its call is over, and a caller with a short INVITE that gave no proof before. */
async function earlyMedia(octets: number, answersOptions: boolean): Promise<readonly string[]> {
  const port = await server({ SLUICE_MODE: "standalone" });
  const phone = await udp();
  const at = hostPortOf(phone);
  phone.on("message", (message, from) => {
    const text = message.toString("latin1");
    if (!text.startsWith("INVITE")) return;
    const early = Buffer.from(response(text, "183 Session Progress", `Require: 100rel\r\nRSeq: 1\r\nContact: <sip:bob@${at}>\r\n`, "v".repeat(octets)), "latin1");
    const repeat = (): void => phone.send(early, from.port, from.address);
    repeat();
    const timer = setInterval(repeat, 200);
    onTestFinished(() => clearInterval(timer));
  });
  phone.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:bob@${at}>\r\n` }), port, HOST);
  await once(phone, "message");
  const caller = await udp(OTHER_HOST);
  const heard: string[] = [];
  caller.on("message", (message, from) => {
    const text = message.toString("latin1");
    heard.push(text.split(" ", 2).join(" "));
    if (text.startsWith("OPTIONS") && answersOptions) caller.send(Buffer.from(response(text, "501 Not Implemented"), "latin1"), from.port, from.address);
  });
  const invite = request("INVITE", { transport: "UDP", at: hostPortOf(caller), uri: `sip:bob@${DOMAIN}`, headers: `Supported: 100rel\r\nContact: <sip:a@${hostPortOf(caller)}>\r\n` });
  caller.send(Buffer.from(invite, "latin1"), port, HOST);
  return heard;
}

test("a reliable 183 with SDP reaches a caller with a short INVITE, as its final response would (RFC 3262 3)", async () => {
  const heard = await earlyMedia(1_300, false);
  await expect.poll(() => heard).toContain("SIP/2.0 183");
});

test("a caller is asked whether it hears us when a response does not fit, and gets it when it answers", async () => {
  const heard = await earlyMedia(4_000, true);
  await expect.poll(() => heard).toContain("SIP/2.0 183");
  expect(heard.findIndex((line) => line.startsWith("OPTIONS"))).toBeLessThan(heard.indexOf("SIP/2.0 183"));
});

test("a phone that answers has heard us: it gets any response", async () => {
  const port = await server({ SLUICE_MODE: "standalone" });
  const phone = await udp(OTHER_HOST);
  const at = hostPortOf(phone);
  const who = { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}` } as const;
  let got = 0;
  let count = 0;
  phone.on("message", (octets, from) => {
    const text = octets.toString("latin1");
    if (text.startsWith("OPTIONS")) return phone.send(Buffer.from(response(text, "200 OK"), "latin1"), from.port, from.address);
    got = octets.length;
    count += 1;
  });
  for (let number = 1; number <= 10; number += 1) {
    phone.send(request("REGISTER", { ...who, headers: `Contact: <sip:bob@${number === 1 ? at : `192.0.2.${number}`};p=${"x".repeat(900)}>\r\n` }), port, HOST);
    await expect.poll(() => count).toBe(number);
  }
  // Someone calls, and the phone's answer proves that it hears us.
  const caller = await udp();
  caller.send(request("OPTIONS", { transport: "UDP", at: hostPortOf(caller), uri: `sip:bob@${DOMAIN}` }), port, HOST);
  await once(caller, "message");
  const query = request("REGISTER", { ...who });
  phone.send(query, port, HOST);
  await expect.poll(() => count).toBe(11);
  expect(got).toBeGreaterThan(3 * query.length);
});

test("an attacker cannot prove a forged source with what it learns as a callee or from its own requests", async () => {
  const port = await server({ SLUICE_MODE: "standalone" });
  const attacker = await udp();
  const here = hostPortOf(attacker);
  const heard: string[] = [];
  attacker.on("message", (octets) => heard.push(octets.toString("latin1")));
  const registering = (user: string, contact: string): string =>
    request("REGISTER", { transport: "UDP", at: here, uri: `sip:${DOMAIN}`, from: `sip:${user}@${DOMAIN}`, to: `sip:${user}@${DOMAIN}`, headers: `Contact: <${contact}>\r\n` });
  const known = async (text: string, answer: RegExp): Promise<string> => {
    attacker.send(Buffer.from(text, "latin1"), port, HOST);
    await expect.poll(() => heard.find((one) => answer.test(one))).toBeDefined();
    const found = heard.find((one) => answer.test(one)) ?? "";
    heard.length = 0;
    return found;
  };
  await known(registering("callee", `sip:callee@${here}`), /^SIP\/2\.0 200/);
  for (let number = 1; number <= 10; number += 1) await known(registering("long", `sip:long@192.0.2.${number};p=${"x".repeat(900)}`), /^SIP\/2\.0 200/);

  const socket = await udp(OTHER_HOST);
  const there = hostPortOf(socket);
  let got = 0;
  let sent = 0;
  socket.on("message", (octets) => (got += octets.length));
  const forge = (text: string): void => {
    sent += text.length;
    socket.send(Buffer.from(text, "latin1"), port, HOST);
  };
  const asAck = (invite: string, to: string): string => invite.replace(/^INVITE/, "ACK").replace("CSeq: 1 INVITE", "CSeq: 1 ACK").replace(/^To: .*$/m, `To: ${to}`);
  // A stateless refusal, and the same one sent to the attacker.
  const refused = request("INVITE", { transport: "UDP", at: there, uri: `sip:callee@${DOMAIN}` }).replace("Max-Forwards: 70", "Max-Forwards: 0");
  const refusal = await known(refused, /^SIP\/2\.0 483/);
  const told = /^To: (.*)$/m.exec(refusal)?.[1]?.trim() ?? "";
  expect(told).toContain(";tag=sl-");
  forge(refused);
  forge(asAck(refused, told));
  // One within a dialog, where the tag is no secret.
  const inside = refused.replace(/^To: (.*)$/m, "To: $1;tag=made-up").replace(/z9hG4bK/, "z9hG4bKinside");
  forge(inside);
  forge(asAck(inside, `<sip:callee@${DOMAIN}>;tag=made-up`));
  // A call to the attacker: its Record-Route has the token of the caller's flow, its Via one of our branches.
  forge(request("INVITE", { transport: "UDP", at: there, uri: `sip:callee@${DOMAIN}`, headers: `Contact: <sip:a@${there}>\r\n` }));
  await expect.poll(() => heard.find((one) => one.startsWith("INVITE"))).toBeDefined();
  const copy = heard.find((one) => one.startsWith("INVITE")) ?? "";
  const routes = [...copy.matchAll(/^Record-Route: (.*?)\r$/gm)].map(([, value]) => `Route: ${value}\r\n`);
  expect(routes.length).toBeGreaterThan(1);
  const along = (values: readonly string[]): string => request("OPTIONS", { transport: "UDP", at: there, uri: `sip:callee@${here}`, headers: values.join("") }).replace(/^To: (.*)$/m, "To: $1;tag=x");
  for (const values of [routes, [...routes].reverse(), routes.slice(-2), routes.slice(-1)]) forge(along(values));
  forge(response(copy, "180 Ringing"));

  for (let query = 0; query < 20; query += 1) {
    forge(request("REGISTER", { transport: "UDP", at: there, uri: `sip:${DOMAIN}`, from: `sip:long@${DOMAIN}`, to: `sip:long@${DOMAIN}` }));
    await sleep(20);
  }
  await sleep(1_000);
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThanOrEqual(3 * sent + OVERDRAFT);
});
