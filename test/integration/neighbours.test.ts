/**
 * How an attack affects others. One server, twenty good phones over five transports that constantly register, call and send messages to
 * each other, and one kind of attack after the other from 200 addresses: no good request may be lost. The phones and the attackers are
 * those of `npm run bench -- siege`, which also says how long good requests wait; each is a separate process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Admin } from "../support/admin.js";
import { testCertificates } from "../support/certificates.js";
import { Edge } from "../support/edge.js";
import { PATIENCE } from "../support/mailbox.js";
import { often } from "../support/often.js";
import { freePort } from "../support/ports.js";
import { residentOctets } from "../support/processes.js";

const DOMAIN = "example.org";
const PASSWORD = "correct horse";
const PHONES = 20;
/** Attacks per second: keeps a good part of a core busy and still leaves one for the phones. */
const PACE = 400;
/** How many of an attack, and how many good requests meanwhile. */
const ATTACKS = 120;
const REQUESTS = 40;

/** The attacks of the siege that starve others; the siege itself covers attempts to get in. */
const KINDS = [
  "guessed password",
  "another's address",
  "long way through blanks",
  "calls without credentials",
  "calls of fourteen thousand octets",
  "flows for nothing",
  "queries for many octets",
  "forged tokens",
  "noise",
  "broken messages",
  "half a handshake",
  "half a message",
  "half an upgrade",
  "broken frames",
  "half an admin request",
];

interface Good {
  /** Which attack it is about. */
  readonly scene: number;
  readonly done: number;
  readonly lost: number;
  readonly wrong: number;
  readonly firstWrong: readonly string[];
  readonly registered: number;
}

let server: Edge;
let admin: Admin;
let setting: Readonly<Record<string, unknown>>;
let phones: ChildProcess;
let attackers: ChildProcess;
let scene = 0;
/** How many times each attack was sent since the attackers began with it. */
let sent: Readonly<Record<string, number>> = {};
let good: Good = { scene: 0, done: 0, lost: 0, wrong: 0, firstWrong: [], registered: 0 };

function begin(file: "phones" | "attackers", extra: object = {}): ChildProcess {
  const path = fileURLToPath(new URL(`../../bench/siege/${file}.mjs`, import.meta.url));
  return fork(path, [JSON.stringify({ ...setting, ...extra })], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-neighbours-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const users = join(folder, "users");
  const names = [...Array.from({ length: PHONES }, (_, index) => `phone${index}`), "mallory"];
  writeFileSync(users, names.map((name) => `${name}:${DOMAIN}:${createHash("md5").update(`${name}:${DOMAIN}:${PASSWORD}`).digest("hex")}\n`).join(""));
  const ports: Record<string, number> = {};
  for (const transport of ["udp", "tcp", "tls", "ws", "wss"]) ports[transport] = await freePort();
  admin = await Admin.choose();
  const core = await freePort();
  const { edge } = testCertificates();
  server = await Edge.spawn({
    SLUICE_MODE: "standalone",
    SLUICE_LISTEN: Object.entries(ports).map(([transport, port]) => `${transport}:127.0.0.1:${port}`).join(","),
    SLUICE_DOMAINS: DOMAIN,
    SLUICE_AUTH: `file:${users}`,
    SLUICE_AUTH_ALGORITHMS: "md5",
    SLUICE_UPSTREAM: `sip:127.0.0.1:${core}`,
    SLUICE_TLS_CERT: edge.certificate,
    SLUICE_TLS_KEY: edge.key,
    SLUICE_SHARDS: "2",
    SLUICE_LOG_LEVEL: "error",
    SLUICE_ADMIN_LISTEN: admin.listen,
  });
  const adminPort = Number(admin.listen.split(":").at(-1));
  // Attacks that nobody lets run would prove nothing.
  setting = { nice: 0, ports, domain: DOMAIN, password: PASSWORD, phones: PHONES, core, admin: adminPort, pause: 5 };
  phones = begin("phones");
  phones.on("message", (state) => (good = state as Good));
  await vi.waitUntil(() => good.registered === PHONES, { timeout: 3 * PATIENCE });
  attackers = begin("attackers", { attacks: "" });
  attackers.on("message", (state) => ({ sent } = state as { sent: typeof sent }));
}, 6 * PATIENCE);

afterAll(async () => {
  attackers.kill("SIGKILL");
  phones.kill("SIGKILL");
  await server.stop();
});

/** Attacks until so many were sent, and so many good requests answered or lost meanwhile. */
async function attack(kinds: string, attacks: number, requests: number): Promise<void> {
  scene += 1;
  sent = {};
  phones.send({ afresh: scene });
  attackers.send({ attacks: kinds, pace: PACE });
  // The last report on the attack before may come after this.
  const count = (): number => sent[kinds] ?? (kinds === "all" ? Object.values(sent).reduce((sum, each) => sum + each, 0) : 0);
  const meanwhile = (): number => (good.scene === scene ? good.done + good.lost + good.wrong : 0);
  await vi.waitUntil(() => count() >= attacks && meanwhile() >= requests, { timeout: 3 * PATIENCE });
  expect(good).toMatchObject({ lost: 0, wrong: 0, firstWrong: [] });
  expect(server.isRunning).toBe(true);
}

for (const kind of KINDS) {
  test(`next to an attacker, ${kind}: no request is lost`, () => attack(kind, ATTACKS, REQUESTS));
}

test("after all attacks at once, memory stays within a tenth of what it was during them", { timeout: 180_000 }, async () => {
  await attack("all", often(8_000), often(2_000));
  const midst = residentOctets(server.pid);
  await attack("all", often(8_000), often(2_000));
  attackers.send({ pace: 0 });
  // A minute in full: state remembered for 32 seconds is gone by then (RFC 3261 17.2).
  await sleep(often(60) * 1_000);
  expect(residentOctets(server.pid)).toBeLessThan(midst * 1.1);
});
