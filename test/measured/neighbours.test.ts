/**
 * How an attack affects others. One server, twenty good phones over five transports that constantly register, call and send messages to
 * each other, and one kind of attack after the other from 200 addresses: no good request may be lost or delayed. The phones and the
 * attackers are those of `npm run bench -- siege`, each in a separate process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Admin } from "../support/admin.js";
import { testCertificates } from "../support/certificates.js";
import { Edge } from "../support/edge.js";
import { often } from "../support/often.js";
import { freePort } from "../support/ports.js";

const DOMAIN = "example.org";
const PASSWORD = "correct horse";
const PHONES = 20;
/** Attacks per second: keeps a good part of a core busy and still leaves one for the phones. */
const PACE = 400;
const SECONDS = 2;
const MAX_MS = 20;
const ROUNDS = 3;
// Deadlines grow with it on a loaded machine.
const patience = Number(process.env["TEST_PATIENCE"] ?? "1");

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
  readonly done: number;
  readonly lost: number;
  readonly wrong: number;
  readonly firstWrong: readonly string[];
  readonly late: readonly number[];
  readonly registered: number;
}

let server: Edge;
let admin: Admin;
let setting: Readonly<Record<string, unknown>>;
let phones: ChildProcess;
let good: Good = { done: 0, lost: 0, wrong: 0, firstWrong: [], late: [], registered: 0 };

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
  server = await Edge.start({
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
  setting = { ports, domain: DOMAIN, password: PASSWORD, phones: PHONES, core, admin: adminPort, pause: 5 };
  phones = begin("phones");
  phones.on("message", (state) => (good = state as Good));
  await vi.waitUntil(() => good.registered === PHONES, { timeout: 30_000 });
}, 60_000);

afterAll(async () => {
  phones.kill("SIGKILL");
  await server.stop();
});

/** What the phones experienced during this time. */
async function felt(seconds: number): Promise<{ p99: number; done: number; lost: number; why: string }> {
  phones.send({ afresh: true });
  await sleep(seconds * 1_000);
  // The phones report twice a second.
  await sleep(600);
  const sorted = [...good.late].sort((one, other) => one - other);
  return { p99: sorted[Math.floor(sorted.length * 0.99)] ?? NaN, done: good.done, lost: good.lost + good.wrong, why: good.firstWrong.join("; ") };
}

async function attacked(kinds: string, seconds: number): ReturnType<typeof felt> {
  const attackers = begin("attackers", { attacks: kinds });
  try {
    attackers.send({ pace: PACE });
    // Until its sockets are open.
    await sleep(300);
    return await felt(seconds);
  } finally {
    attackers.kill("SIGKILL");
  }
}

function residentOctets(): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) * 1_024;
}

for (const kind of KINDS) {
  test(`next to an attacker, ${kind}: no request is lost, and 99 % are answered within ${MAX_MS} ms`, { timeout: 60_000 }, async () => {
    const p99: number[] = [];
    let bound = MAX_MS * patience;
    // An attacker who delays the phones does so in every round; other load on the machine delays them now and then, or without an attacker too.
    for (let round = 0; round < ROUNDS && !p99.some((late) => late < bound); round += 1) {
      const under = await attacked(kind, SECONDS);
      expect(under.done).toBeGreaterThan(50);
      expect(`${under.lost} ${under.why}`).toBe("0 ");
      expect(server.isRunning).toBe(true);
      p99.push(under.p99);
      if (under.p99 >= bound) bound = Math.max(bound, 3 * (await felt(1)).p99);
    }
    expect(Math.min(...p99)).toBeLessThan(bound);
  });
}

test("after all attacks at once, memory stays within a tenth of what it was during them", { timeout: 180_000 }, async () => {
  await attacked("all", often(20));
  const midst = residentOctets();
  await attacked("all", often(20));
  // A minute in full: state remembered for 32 seconds is gone by then (RFC 3261 17.2).
  await sleep(often(60) * 1_000);
  expect(residentOctets()).toBeLessThan(midst * 1.1);
});
