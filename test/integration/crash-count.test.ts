/** What a crash may lose is stated and counted: what one turn had in hand, what waited in the process alone, and what had gone over a connection that is gone. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { program } from "../../bench/lib/tools.mjs";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { testCertificates } from "../support/certificates.js";
import { Edge, MAIN, type Settings } from "../support/edge.js";
import { homeWithPhones } from "../support/every-transport.js";
import { type Crash, childOf, crash } from "../support/kept-server.js";
import { freePort, hostPort } from "../support/ports.js";
import { isAsleep } from "../support/processes.js";

const LIMIT = { timeout: 120_000 };
const COMPILING = 180_000;
const KEEPER = { SLUICE_KEEPER: "on" };
const CRASHES = 3;
/** Of the load with an answer. */
const PATIENCE_MS = 5_000;
/** A longer pause leaves too little of that for what is answered after it. */
const LONG_PAUSE_MS = PATIENCE_MS - 1_500;
/** What a turn takes of datagrams, and of connections; beyond it, a turn holds what one read brought. */
const BATCH = 64;
const SHARDS = 2;

interface Figures {
  readonly workload: string;
  readonly done: number;
  readonly lost: number;
  readonly mismatched: number;
}

/** When no turn is under way: one that has sent something ends a moment later. */
async function crashAtRest(server: Edge): Promise<Crash> {
  const pid = childOf(server.pid) ?? expect.unreachable();
  await expect.poll(() => isAsleep(pid), { timeout: 60_000 }).toBe(true);
  return crash(server);
}

let load: string;
beforeAll(() => {
  load = program("load");
}, COMPILING);

test.each(["udp", "tcp"] as const)("responses that come after the crash find their way by the Via alone, over %s: nothing is lost, and nothing counted", LIMIT, async (client) => {
  const company = await cast({ process: true, own: true, client, program: MAIN, settings: KEEPER });
  const { C, SUT, U } = company;
  await register(U, C);
  for (let number = 1; number <= 3; number += 1) await U.say(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: before-${number}@${U.scene}`);
  const asked = [];
  for (let number = 1; number <= 3; number += 1) asked.push(await C.request("OPTIONS").then(() => C.last));
  expect(await crashAtRest(SUT)).toMatchObject({ lost: 0, messages: 0, requests: 0 });
  for (const one of asked) await C.reply("200 OK", "", one);
  for (let number = 1; number <= 3; number += 1) await U.response(200);
});

test("requests that went over a connection that we dialled are counted", LIMIT, async () => {
  const company = await cast({ process: true, own: true, client: "tcp", core: "tcp", program: MAIN, settings: KEEPER });
  const { C, SUT, U } = company;
  await register(U, C);
  for (let number = 1; number <= 3; number += 1) await U.say(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: dialled-${number}@${U.scene}`);
  for (let number = 1; number <= 3; number += 1) await C.request("OPTIONS");
  expect(await crashAtRest(SUT)).toMatchObject({ messages: 0, requests: 3 });
});

test.each<readonly [string, Settings]>([
  ["by numbers", {}],
  ["on the object path", { SLUICE_FAST_PATH: "off" }],
])("calls that ring at a home server when it crashes are counted, %s", LIMIT, async (_, more) => {
  testCertificates();
  const { home, phones } = await homeWithPhones({ ...KEEPER, ...more });
  const A = await home.phone("A");
  for (const phone of phones) {
    await A.say(`INVITE sip:${phone.name}@example.com SIP/2.0\nCall-ID: rings-${phone.name}@${home.scene}\nContact: <sip:A@${A.at}>`);
    await phone.request("INVITE");
    await phone.reply("180 Ringing");
    await A.response(180);
  }
  expect(await crashAtRest(home.server)).toMatchObject({ lost: 0, messages: 0, requests: phones.length });
  expect(await crashAtRest(home.server)).toMatchObject({ lost: 0, messages: 0, requests: 0 });
});

// A loop that keeps 96 exchanges under way, so that a kill finds the process in the middle of its work. It repeats nothing.
test.each([
  ["udp", "register"],
  ["udp", "terminate"],
  ["tcp", "register"],
  ["tcp", "originate"],
] as const)("kill -9 under a closed loop over %s, %s: what is missing is at most what is counted, and that is bounded", LIMIT, async (client, workload) => {
  const [listener, inner, core] = [hostPort("127.0.0.1", await freePort()), hostPort("127.0.0.1", await freePort()), hostPort("127.0.0.1", await freePort())];
  const edge = await Edge.spawn({ ...KEEPER, SLUICE_SHARDS: String(SHARDS), SLUICE_LISTEN: `${client}:${listener}`, SLUICE_CORE_LISTEN: `udp:${inner}`, SLUICE_UPSTREAM: `sip:${core}` });
  onTestFinished(() => edge.stop());
  const options = { edge: listener, core, client, "core-leg": "udp", workload, flows: "200", rate: "0", seconds: "60", warmup: "0", "timeout-ms": String(PATIENCE_MS), sleep: "1", progress: "0.1", pid: String(edge.pid) };
  const child = spawn(load, Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let figures: Figures | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    figures = JSON.parse(line) as Figures;
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const done = (): number => figures?.done ?? 0;
  const crashes: Crash[] = [];
  const sum = (of: "messages" | "requests"): number => crashes.reduce((total, one) => total + one[of], 0);
  for (let round = 0; round < CRASHES; round += 1) {
    // It serves again, and a crash sooner than that would be another matter: the keeper waits before it starts what died at once.
    const before = done();
    await expect.poll(done, { timeout: 60_000 }).toBeGreaterThan(before + 2_000);
    await sleep(200);
    const said = await crash(edge);
    // A batch of each shard, and what lay between the two.
    expect(said.messages + said.requests).toBeLessThanOrEqual(2 * BATCH * SHARDS);
    crashes.push(said);
    // Those that were being read at that moment have ended, and the load goes on asking over them: what is missing from now on says nothing.
    if (said.lost > 0) return;
    // The load has given up what is only late, so its figures say nothing either.
    if (said.gapMs > LONG_PAUSE_MS) return;
    await sleep(PATIENCE_MS + 300);
    expect(figures).toMatchObject({ mismatched: 0 });
    expect(figures?.lost).toBeLessThanOrEqual(sum("messages") + sum("requests"));
  }
  const before = done();
  await expect.poll(done, { timeout: 60_000 }).toBeGreaterThan(before + 1_000);
  child.kill("SIGTERM");
  await ended;
  expect(figures).toMatchObject({ workload, mismatched: 0 });
});
