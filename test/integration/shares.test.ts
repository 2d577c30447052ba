/** Limits per source apply to the whole process, whichever shard a connection or flow reaches, and nobody pays for others. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { HOST, OTHER_HOST, connection, core, hostPortOf, metric, p99, registerAll, request, response, udp } from "../support/crowd.js";
import { Edge, type Settings } from "../support/edge.js";
import { freePort } from "../support/ports.js";

const DOMAIN = "example.com";

interface Server {
  readonly edge: Edge;
  readonly port: number;
  readonly admin: number;
}

async function server(settings: Settings): Promise<Server> {
  const [port, admin] = [await freePort(HOST), await freePort(HOST)];
  const edge = await Edge.start({ SLUICE_LISTEN: `udp:${HOST}:${port},tcp:${HOST}:${port}`, SLUICE_ADMIN_LISTEN: `${HOST}:${admin}`, SLUICE_DOMAINS: DOMAIN, ...settings });
  onTestFinished(() => edge.stop());
  return { edge, port, admin };
}

test("TR-21 a source gets exactly its share of connections on four shards, and another source is not affected", async () => {
  const { edge, port } = await server({ SLUICE_SHARDS: "4", SLUICE_MAX_FLOWS_PER_SOURCE: "8" });
  const connections = await Promise.all(Array.from({ length: 20 }, () => connection(port)));
  const open = (): readonly Socket[] => connections.filter((socket) => !socket.destroyed && socket.readyState === "open");
  await expect.poll(() => open().length).toBe(8);
  await sleep(200);
  expect(open().length).toBe(8);
  await expect.poll(() => edge.output).toContain("SLUICE_MAX_FLOWS_PER_SOURCE");
  const other = await connection(port, OTHER_HOST);
  await sleep(100);
  expect(other.destroyed).toBe(false);
  // A returned place is available to the next one.
  open()[0]?.destroy();
  await expect
    .poll(async () => {
      const again = await connection(port);
      await sleep(50);
      return again.destroyed;
    })
    .toBe(false);
});

test("UDP flows that ask for keep-alives fill their own table, forget the oldest, and cost no connection (RFC 6223)", async () => {
  const upstream = `sip:${HOST}:${await core()};transport=udp`;
  const { edge, port, admin } = await server({ SLUICE_UPSTREAM: upstream, SLUICE_MAX_FLOWS: "50", SLUICE_MAX_FLOWS_PER_SOURCE: "50" });
  let answered = 0;
  for (let at = 0; at < 150; at += 1) {
    const socket = await udp();
    socket.once("message", () => (answered += 1));
    socket.send(request("OPTIONS", { transport: "UDP", at: hostPortOf(socket), uri: "sip:bob@elsewhere.example", viaParameters: ";keep" }), port, HOST);
  }
  await expect.poll(() => answered).toBe(150);
  expect(await metric(admin, 'flows{kind="udp"}')).toBe(50);
  expect(await metric(admin, "udp_flows_evicted_total")).toBe(100);
  await expect.poll(() => edge.output).toContain("UDP flows");
  const phone = await connection(port);
  phone.write(request("OPTIONS", { transport: "TCP", at: "127.0.0.1:9", uri: "sip:bob@elsewhere.example" }));
  const [answer] = (await once(phone, "data")) as [Buffer];
  expect(answer.toString("latin1")).toMatch(/^SIP\/2\.0 200/);
});

test("REG-24 an open registrar: one source cannot fill the table of bindings, whichever path its REGISTERs take; a reload makes room", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-shares-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sluice.env");
  writeFileSync(file, "SLUICE_MAX_BINDINGS=200\n");
  const { edge, port, admin } = await server({ SLUICE_MODE: "standalone", SLUICE_SHARDS: "2", SLUICE_ENV_FILE: file });
  const register = async (source: string, user: string, contact: string): Promise<string> => {
    const socket = await udp(source);
    const to = `sip:${user}@${DOMAIN}`;
    socket.send(request("REGISTER", { transport: "UDP", at: hostPortOf(socket), uri: `sip:${DOMAIN}`, from: to, to, headers: `Contact: ${contact}\r\n` }), port, HOST);
    const [answer] = (await once(socket, "message")) as [Buffer];
    return answer.toString("latin1").slice(8, 11);
  };
  const statuses = new Set<string>();
  // Those with a q take the object path.
  for (let at = 0; at < 110; at += 1) statuses.add(`${at < 100 ? "first" : "later"} ${await register(HOST, `u${at}`, `<sip:u${at}@192.0.2.7>${at % 2 === 0 ? "" : ";q=0.5"}`)}`);
  expect([...statuses]).toEqual(["first 200", "later 503"]);
  expect(await metric(admin, "bindings_refused_total")).toBe(10);
  await expect.poll(() => edge.output).toContain("an eighth of SLUICE_MAX_BINDINGS");
  expect(await register(OTHER_HOST, "other", "<sip:other@192.0.2.8>")).toBe("200");
  writeFileSync(file, "SLUICE_MAX_BINDINGS=2000\n");
  const reload = await fetch(`http://${HOST}:${admin}/api/reload`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  expect(await reload.json()).toEqual({ changed: ["SLUICE_MAX_BINDINGS"], needRestart: [], errors: [] });
  await expect.poll(() => register(HOST, "late", "<sip:late@192.0.2.7>")).toBe("200");
});

test("calls that ring for ever use up their source's share, REGISTERs of others go on, and everything is given back", async () => {
  const { edge, port, admin } = await server({
    SLUICE_MODE: "standalone",
    SLUICE_SHARDS: "2",
    SLUICE_MAX_PENDING: "400",
    SLUICE_MAX_PENDING_PER_SOURCE: "80",
    SLUICE_TIMER_C_SECONDS: "2",
    SLUICE_T1_MS: "20",
  });
  const bob = await udp();
  // Each 180 begins timer C again, so nothing is given back while bob repeats them, whatever the machine takes for the rest.
  const ringing = new Map<string, Buffer>();
  const ring = (one: Buffer): void => bob.send(one, port, HOST);
  bob.on("message", (octets) => {
    const text = octets.toString("latin1");
    if (!text.startsWith("INVITE")) return;
    const one = Buffer.from(response(text, "180 Ringing"), "latin1");
    ringing.set(/^Call-ID: (.*)$/m.exec(text)?.[1] ?? "", one);
    ring(one);
  });
  const rings = setInterval(() => ringing.forEach(ring), 200);
  onTestFinished(() => clearInterval(rings));
  const at = hostPortOf(bob);
  bob.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:bob@${at}>\r\n` }), port, HOST);
  await once(bob, "message");
  const statuses = new Map<string, number>();
  const caller = await udp(OTHER_HOST);
  caller.on("message", (octets) => {
    const status = octets.toString("latin1").slice(8, 11);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  });
  for (let call = 0; call < 300; call += 1) {
    caller.send(request("INVITE", { transport: "UDP", at: hostPortOf(caller), uri: `sip:bob@${DOMAIN}`, headers: "Contact: <sip:a@127.0.0.2>\r\n" }), port, HOST);
    if (call % 20 === 19) await sleep(5);
  }
  await expect.poll(() => statuses.get("503") ?? 0).toBe(260);
  expect(await metric(admin, "requests_held")).toBe(40);
  await expect.poll(() => edge.output).toContain("SLUICE_MAX_PENDING_PER_SOURCE");
  let waits = await registerAll(port, 100, DOMAIN);
  // Something else on this machine may delay some of a hundred; the calls would delay some of each.
  for (let again = 0; again < 4 && p99(waits) >= 250; again += 1) waits = await registerAll(port, 100, DOMAIN);
  expect(p99(waits)).toBeLessThan(250);
  clearInterval(rings);
  await expect.poll(() => metric(admin, "requests_held"), { timeout: 15_000 }).toBe(0);
  // Timer D keeps the copies a while longer.
  expect(await metric(admin, "requests_held_bytes")).toBeLessThan(40 * 4_096);
});

test("the copies of a forked call count towards the caller's share too, and do not affect others", async () => {
  const { port, admin } = await server({ SLUICE_MODE: "standalone", SLUICE_MAX_PENDING_PER_SOURCE: "40", SLUICE_T1_MS: "50", SLUICE_SHARDS: "1" });
  const phones = await Promise.all(Array.from({ length: 5 }, () => udp()));
  for (const phone of phones) {
    const at = hostPortOf(phone);
    phone.on("message", (octets, from) => {
      const text = octets.toString("latin1");
      if (text.startsWith("INVITE")) phone.send(Buffer.from(response(text, "180 Ringing"), "latin1"), from.port, from.address);
      else if (text.startsWith("CANCEL")) phone.send(Buffer.from(response(text, "200 OK"), "latin1"), from.port, from.address);
    });
    phone.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}`, headers: `Contact: <sip:bob@${at}>\r\n` }), port, HOST);
    await once(phone, "message");
  }
  const caller = await udp(OTHER_HOST);
  const finals = new Map<string, string>();
  caller.on("message", (octets) => {
    const text = octets.toString("latin1");
    const status = text.slice(8, 11);
    if (status >= "200") finals.set(/^Call-ID: (.*)$/m.exec(text)?.[1] ?? "", status);
  });
  const body = "v".repeat(8_000);
  const call = (): string => request("INVITE", { transport: "UDP", at: hostPortOf(caller), uri: `sip:bob@${DOMAIN}`, headers: "Contact: <sip:a@127.0.0.2>\r\n", body });
  caller.send(call(), port, HOST);
  await expect.poll(() => metric(admin, "requests_held_bytes")).toBeGreaterThan(6 * body.length);
  expect(await metric(admin, "requests_held")).toBe(1);
  // Requests of 4,096 octets would make less than a megabyte, so it is a megabyte; what begins something has a half of it, and of the 40 requests.
  const most = (1 << 20) / 2;
  const one = await metric(admin, "requests_held_bytes");
  for (let number = 0; number < 30; number += 1) caller.send(call(), port, HOST);
  // A call rings, or there is no room for it; how many fit hangs on whether they come before or after the copies of those before them.
  await expect.poll(async () => finals.size + (await metric(admin, "requests_held")), { timeout: 15_000 }).toBe(31);
  expect(new Set(finals.values())).toEqual(new Set(["503"]));
  const held = await metric(admin, "requests_held");
  // With all twenty there first, and six parts to a call, itself and its copies.
  expect(held).toBeGreaterThan(Math.floor((most - (20 * one) / 6) / one));
  expect(held).toBeLessThanOrEqual(20);
  expect(await metric(admin, "requests_held_bytes")).toBeLessThanOrEqual(most);
  const other = await udp();
  other.send(request("OPTIONS", { transport: "UDP", at: hostPortOf(other), uri: `sip:nobody@${DOMAIN}` }), port, HOST);
  const [answer] = (await once(other, "message")) as [Buffer];
  expect(answer.toString()).toMatch(/^SIP\/2\.0 480/);
});

test("each client behind an edge has its own share of the requests", async () => {
  const { port } = await server({ SLUICE_MODE: "registrar", SLUICE_EDGES: OTHER_HOST, SLUICE_MAX_PENDING_PER_SOURCE: "8" });
  const edge = await udp(OTHER_HOST);
  const at = hostPortOf(edge);
  const statuses = new Map<string, string[]>();
  edge.on("message", (octets, from) => {
    const text = octets.toString("latin1");
    if (text.startsWith("INVITE")) return edge.send(Buffer.from(response(text, "180 Ringing"), "latin1"), from.port, from.address);
    const client = /received=(198\.\S+)/.exec(text)?.[1] ?? "";
    const status = text.slice(8, 11);
    if (status > "100") statuses.set(client, [...(statuses.get(client) ?? []), status]);
  });
  const behind = (client: string, lines: string): string => `Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK${client};received=${client}\r\n${lines}`;
  const user = { transport: "UDP", at, from: `sip:bob@${DOMAIN}`, to: `sip:bob@${DOMAIN}` } as const;
  edge.send(request("REGISTER", { ...user, uri: `sip:${DOMAIN}`, headers: behind("198.51.100.1", `Supported: path\r\nPath: <sip:token@${at};lr>\r\nContact: <sip:bob@192.0.2.7>\r\n`) }), port, HOST);
  await expect.poll(() => statuses.get("198.51.100.1")).toEqual(["200"]);
  const call = (client: string): void =>
    edge.send(request("INVITE", { transport: "UDP", at, uri: `sip:bob@${DOMAIN}`, headers: behind(client, "Contact: <sip:a@192.0.2.7>\r\n") }), port, HOST);
  for (let number = 0; number < 6; number += 1) call("198.51.100.2");
  // What begins something has half of the share.
  await expect.poll(() => (statuses.get("198.51.100.2") ?? []).sort()).toEqual(["180", "180", "180", "180", "503", "503"]);
  call("198.51.100.3");
  await expect.poll(() => statuses.get("198.51.100.3")).toEqual(["180"]);
});

test("nothing is kept for a challenge, and its ACK goes nowhere (RFC 3261 26.3.2.4)", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-shares-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const users = join(folder, "users");
  writeFileSync(users, `a:${DOMAIN}:${"0".repeat(32)}\n`);
  const { port, admin } = await server({ SLUICE_MODE: "standalone", SLUICE_AUTH: `file:${users}`, SLUICE_MAX_PENDING: "100" });
  const caller = await udp();
  const answers: string[] = [];
  caller.on("message", (octets) => answers.push(octets.toString("latin1")));
  const at = hostPortOf(caller);
  const count = (status: string): number => answers.filter((text) => text.startsWith(`SIP/2.0 ${status}`)).length;
  for (let call = 1; call <= 500; call += 1) {
    caller.send(request("INVITE", { transport: "UDP", at, uri: `sip:bob@${DOMAIN}`, from: `sip:a@${DOMAIN}`, headers: "Contact: <sip:a@127.0.0.1>\r\n" }), port, HOST);
    caller.send(request("REGISTER", { transport: "UDP", at, uri: `sip:${DOMAIN}`, from: `sip:a@${DOMAIN}`, to: `sip:a@${DOMAIN}` }), port, HOST);
    // No more at once than fit in a socket buffer, and fewer in a second than a source may send when the server is slow.
    if (call % 20 !== 0) continue;
    const pace = sleep(100);
    await expect.poll(() => ["407", "401", "503"].map(count), { interval: 2 }).toEqual([call, call, 0]);
    await pace;
  }
  await expect.poll(() => metric(admin, "requests_held")).toBe(0);
  // Retransmitted as if no response had arrived: answered again, with the same tag.
  const invite = request("INVITE", { transport: "UDP", at, uri: `sip:bob@${DOMAIN}`, from: `sip:a@${DOMAIN}`, headers: "Contact: <sip:a@127.0.0.1>\r\n" });
  answers.length = 0;
  caller.send(invite, port, HOST);
  await expect.poll(() => count("407")).toBe(1);
  caller.send(invite, port, HOST);
  await expect.poll(() => count("407")).toBe(2);
  const tags = answers.filter((text) => text.startsWith("SIP/2.0 407")).map((text) => /^To:.*;tag=(\S+)$/im.exec(text)?.[1]);
  expect(tags[0]).toBeDefined();
  expect(tags[1]).toBe(tags[0]);
  await sleep(1_500);
  expect(count("407")).toBe(2);
});
