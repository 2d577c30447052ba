/** We do not amplify: a UDP source that may be forged gets at most three times the octets it has sent, whatever it asks for. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { HOST, OTHER_HOST, core, hostPortOf, request, response, udp } from "../support/crowd.js";
import { Edge, type Settings } from "../support/edge.js";
import { PATIENCE } from "../support/mailbox.js";
import { freePort } from "../support/ports.js";

const DOMAIN = "example.com";

async function server(settings: Settings): Promise<number> {
  const port = await freePort(HOST);
  const edge = await Edge.start({ SLUICE_LISTEN: `udp:${HOST}:${port}`, SLUICE_DOMAINS: DOMAIN, SLUICE_T1_MS: "20", ...settings });
  onTestFinished(() => edge.stop());
  return port;
}

/** Sends requests from its own address and never shows that it heard anything; returns the octets sent, and received until two seconds after the first. */
async function victim(port: number, requests: (at: string) => readonly string[], address = OTHER_HOST, isAnswered = true): Promise<{ readonly sent: number; readonly got: number }> {
  const socket = await udp(address);
  const first = once(socket, "message");
  let got = 0;
  let sent = 0;
  socket.on("message", (octets) => (got += octets.length));
  for (const text of requests(hostPortOf(socket))) {
    sent += text.length;
    socket.send(Buffer.from(text, "latin1"), port, HOST);
  }
  if (isAnswered) await Promise.race([first, sleep(PATIENCE, undefined, { ref: false })]);
  await sleep(2_000);
  return { sent, got };
}

test("a query for ten long Contacts with a forged source sends the victim at most three times as much", async () => {
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
  expect(got).toBeLessThanOrEqual(3 * sent);
});

test("a call to nobody from a forged source: the failure is not repeated without end", async () => {
  const port = await server({ SLUICE_MODE: "standalone" });
  const { sent, got } = await victim(port, (here) => [request("INVITE", { transport: "UDP", at: here, uri: `sip:nobody@${DOMAIN}`, headers: "Contact: <sip:a@127.0.0.2>\r\n" })]);
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThanOrEqual(3 * sent);
});

test("an edge: responses of the core and their repetitions reach a forged source up to three times what was sent", async () => {
  const upstream = await core((text) => (text.startsWith("OPTIONS") ? Array.from({ length: 20 }, () => response(text, "200 OK", "", "x".repeat(100))) : []));
  const port = await server({ SLUICE_UPSTREAM: `sip:${HOST}:${upstream};transport=udp` });
  const { sent, got } = await victim(port, (here) => [request("OPTIONS", { transport: "UDP", at: here, uri: "sip:bob@elsewhere.example" })]);
  expect(got).toBeGreaterThan(0);
  expect(got).toBeLessThanOrEqual(3 * sent);
});

/** A phone that answers whatever arrives with long responses, and repeats them. */
async function verbosePhone(port: number): Promise<void> {
  const phone = await udp();
  const at = hostPortOf(phone);
  phone.on("message", (octets, from) => {
    const text = octets.toString("latin1");
    const send = (answer: string): void => phone.send(Buffer.from(answer, "latin1"), from.port, from.address);
    if (text.startsWith("ACK")) return;
    if (text.startsWith("INVITE")) send(response(text, "183 Session Progress", `Require: 100rel\r\nRSeq: 1\r\nContact: <sip:bob@${at}>\r\n`, "v".repeat(700)));
    for (let copy = 0; copy < 5; copy += 1) send(response(text, "200 OK", `Contact: <sip:bob@${at}>\r\n`, "v".repeat(1_400)));
  });
  phone.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:bob@${at}>\r\n` }), port, HOST);
  await once(phone, "message");
}

/** What a forger may ask for, in order to have it sent to the address `here`. */
const KINDS: readonly (readonly [string, (here: string) => readonly string[]])[] = [
  ["a short INVITE that is answered with a long 200", (here) => [`INVITE sip:bob@${DOMAIN} SIP/2.0\r\nv: SIP/2.0/UDP ${here};branch=z9hG4bKa\r\nf: <sip:a@a>;tag=1\r\nt: <sip:bob@${DOMAIN}>\r\ni: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 9\r\nm: <sip:a@${here}>\r\nl: 0\r\n\r\n`]],
  ["calls with a reliable provisional response", (here) => [request("INVITE", { transport: "UDP", at: here, uri: `sip:bob@${DOMAIN}`, headers: `Supported: 100rel\r\nContact: <sip:a@${here}>\r\n` })]],
  ["a MESSAGE that is answered with a long 200", (here) => Array.from({ length: 3 }, () => request("MESSAGE", { transport: "UDP", at: here, uri: `sip:bob@${DOMAIN}`, body: "x" }))],
  ["a SUBSCRIBE, which numbers do not decide", (here) => [request("SUBSCRIBE", { transport: "UDP", at: here, uri: `sip:bob@${DOMAIN}`, headers: `Event: dialog\r\nContact: <sip:a@${here}>\r\n` })]],
  ["an INVITE that numbers do not decide", (here) => [request("INVITE", { transport: "UDP", at: here, uri: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:a@${here}>\r\nPrivacy: id\r\nP-Asserted-Identity: <sip:x@y>\r\n` })]],
  ["refusals of all kinds", (here) => [
    ...["sip:nobody@example.com", "sip:a@elsewhere.example", "tel:+1", "mailto:a@b", "sips:bob@example.com"].map((uri) => request("INVITE", { transport: "UDP", at: here, uri, headers: `Contact: <sip:a@${here}>\r\n` })),
    ...["PUBLISH", "REFER", "NOTIFY", "UPDATE", "PRACK", "CANCEL", "BYE", "INFO", "WHATEVER"].map((method) => request(method, { transport: "UDP", at: here, uri: `sip:nobody@${DOMAIN}` })),
    request("OPTIONS", { transport: "UDP", at: here, uri: `sip:${DOMAIN}`, headers: `Proxy-Require: ${"x,".repeat(100)}y\r\n` }),
    request("MESSAGE", { transport: "UDP", at: here, uri: `sip:nobody@${DOMAIN}` }).replace("Max-Forwards: 70", "Max-Forwards: 0"),
    "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:9\r\n\r\n",
  ]],
  ["REGISTERs that are refused", (here) => Array.from({ length: 4 }, (_, at) => request("REGISTER", { transport: "UDP", at: here, uri: `sip:${DOMAIN}`, to: `sip:u${at}@${DOMAIN}`, headers: `Contact: <sip:a@${here}>;expires=1\r\n` }))],
  ["STUN binding requests", () => Array.from({ length: 20 }, (_, at) => `\0\x01\0\0\x21\x12\xa4\x42${String(at).padStart(12, "0")}`)],
  ["keep-alives", () => Array.from({ length: 20 }, () => "\r\n\r\n")],
];

test.each(["standalone", "edge"])("%s: a source that never shows that it hears us gets at most three times what it has sent, whatever it asks for", async (mode) => {
  const home = await server({ SLUICE_MODE: "standalone" });
  await verbosePhone(home);
  const port = mode === "edge" ? await server({ SLUICE_UPSTREAM: `sip:${HOST}:${home};transport=udp` }) : home;
  const each = await Promise.all(KINDS.map(async ([kind, requests], at) => ({ kind, ...(await victim(port, requests, `127.0.1.${at + 1}`, kind !== "keep-alives")) })));
  expect(each.filter(({ sent, got }) => got > 3 * sent)).toEqual([]);
  // Nothing answers a keep-alive over UDP.
  expect(each.filter(({ got }) => got === 0).map(({ kind }) => kind)).toEqual(["keep-alives"]);
});

/** A caller with the shortest INVITE, to a phone that answers with a long 183 and 200; returns the start lines of what it hears. */
async function shortCall(port: number): Promise<readonly string[]> {
  const caller = await udp(OTHER_HOST);
  const here = hostPortOf(caller);
  const heard: string[] = [];
  const send = (text: string): void => caller.send(Buffer.from(text, "latin1"), port, HOST);
  caller.on("message", (octets) => {
    const text = octets.toString("latin1");
    heard.push(text.split(" ", 2).join(" "));
    if (text.startsWith("OPTIONS")) send(response(text, "501 Not Implemented"));
  });
  send(request("INVITE", { transport: "UDP", at: here, uri: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:a@${here}>\r\n` }));
  return heard;
}

test.each(["standalone", "edge"])("%s: a caller whose response does not fit is asked whether it hears us, and gets it when it answers", async (mode) => {
  // Longer than any machine needs: the INVITE is not repeated.
  const patient = { SLUICE_T1_MS: "10000" };
  const home = await server({ SLUICE_MODE: "standalone", ...patient });
  const phone = await udp();
  const at = hostPortOf(phone);
  let calls = 0;
  phone.on("message", (octets, from) => {
    const text = octets.toString("latin1");
    if (!text.startsWith("INVITE")) return;
    calls += 1;
    // Once: nobody repeats it.
    phone.send(Buffer.from(response(text, "200 OK", `Contact: <sip:bob@${at}>\r\n`, "v".repeat(1_400)), "latin1"), from.port, from.address);
  });
  phone.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:bob@${at}>\r\n` }), home, HOST);
  await once(phone, "message");
  const port = mode === "edge" ? await server({ SLUICE_UPSTREAM: `sip:${HOST}:${home};transport=udp`, ...patient }) : home;
  const heard = await shortCall(port);
  await expect.poll(() => heard).toContain("SIP/2.0 200");
  expect(heard.findIndex((line) => line.startsWith("OPTIONS"))).toBeLessThan(heard.indexOf("SIP/2.0 200"));
  expect(calls).toBe(1);
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
  expect(got).toBeLessThanOrEqual(3 * sent);
});
