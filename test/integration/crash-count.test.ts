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
import { callsOf, isAsleep, standsStill } from "../support/processes.js";

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
/** The same on all processors. */
const IO_URING_ENTER = 426;
const MOST_STOPS = 2_000;

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

/** A closed loop of 96 exchanges: what it has counted so far, and its end. */
function startLoad(options: Readonly<Record<string, string>>): { done: () => number; figures: () => Figures | undefined; end: () => Promise<unknown> } {
  const all = { rate: "0", seconds: "60", warmup: "0", "timeout-ms": String(PATIENCE_MS), sleep: "1", progress: "0.1", ...options };
  const child = spawn(load, Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]), { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let figures: Figures | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    figures = JSON.parse(line) as Figures;
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const end = (): Promise<unknown> => (child.kill("SIGTERM"), ended);
  return { done: () => figures?.done ?? 0, figures: () => figures, end };
}

/** Returns with the process stopped, one of its threads at the end of io_uring_enter(). Where the kernel does not tell that, or allows no io_uring, it is stopped somewhere. */
async function stopInJointCall(pid: number): Promise<void> {
  for (let tries = 0; tries < MOST_STOPS; tries += 1) {
    process.kill(pid, "SIGSTOP");
    while (!standsStill(pid)) await sleep(0);
    if (callsOf(pid).includes(IO_URING_ENTER)) return;
    process.kill(pid, "SIGCONT");
    await sleep(Math.random() * 4);
  }
  process.kill(pid, "SIGSTOP");
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

// Between a joint system call and what comes of it: the thread is stopped when it leaves the call, and never goes on.
test("kill -9 in the middle of one system call for many connections: at most the one in hand is lost, and what the others had sent is not", LIMIT, async () => {
  const [listener, inner, core] = [hostPort("127.0.0.1", await freePort()), hostPort("127.0.0.1", await freePort()), hostPort("127.0.0.1", await freePort())];
  const edge = await Edge.spawn({ ...KEEPER, SLUICE_SHARDS: String(SHARDS), SLUICE_LISTEN: `tcp:${listener}`, SLUICE_CORE_LISTEN: `udp:${inner}`, SLUICE_UPSTREAM: `sip:${core}` });
  onTestFinished(() => edge.stop());
  const loaded = startLoad({ edge: listener, core, client: "tcp", "core-leg": "udp", workload: "register", flows: "400", pid: String(edge.pid) });
  for (let round = 0; round < CRASHES; round += 1) {
    const before = loaded.done();
    await expect.poll(loaded.done, { timeout: 60_000 }).toBeGreaterThan(before + 2_000);
    await stopInJointCall(childOf(edge.pid) ?? expect.unreachable());
    const said = await crash(edge);
    expect(said.kept + said.lost).toBe(400);
    expect(said.lost).toBeLessThanOrEqual(SHARDS);
    if (said.lost > 0) return;
  }
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
  const { done, figures, end } = startLoad({ edge: listener, core, client, "core-leg": "udp", workload, flows: "200", pid: String(edge.pid) });
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
    // Of each shard the one that was in hand at that moment may have ended, and the load goes on asking over it: what is missing from now on says nothing.
    expect(said.lost).toBeLessThanOrEqual(SHARDS);
    if (said.lost > 0) return;
    // The load has given up what is only late, so its figures say nothing either.
    if (said.gapMs > LONG_PAUSE_MS) return;
    await sleep(PATIENCE_MS + 300);
    expect(figures()).toMatchObject({ mismatched: 0 });
    expect(figures()?.lost).toBeLessThanOrEqual(sum("messages") + sum("requests"));
  }
  const before = done();
  await expect.poll(done, { timeout: 60_000 }).toBeGreaterThan(before + 1_000);
  await end();
  expect(figures()).toMatchObject({ workload, mismatched: 0 });
});
