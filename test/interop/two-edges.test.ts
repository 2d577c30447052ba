/**
 * A baresip with two flows, reg-id 1 and 2, through two edges to one registrar. The edge of its newer flow, reg-id 1, dies in three ways;
 * each time the next call reaches the phone through the other one.
 *
 * Needs: baresip
 */
import { expect, onTestFinished } from "vitest";
import { Edge } from "../support/edge.js";
import { Home } from "../support/home.js";
import type { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { standsStill } from "../support/processes.js";
import type { SipMessage } from "../support/sip-message.js";
import type { Transport } from "../support/wire.js";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";

const test = testWith("baresip");

const SLOW = Number(process.env["TEST_PATIENCE"] ?? "1");
/** Milliseconds from a refusal until the phone rings through the other flow. */
const BRANCH_TIMER = 1_000 * SLOW;
/** No timer moves the call while a test waits, so it moves at once or not at all. */
const NEVER = 600_000;

interface Stage {
  readonly home: Home;
  readonly E1: EdgeProxy;
  readonly E2: EdgeProxy;
  readonly bob: Baresip;
  readonly caller: Party;
}

interface EdgeProxy {
  readonly process: Edge;
  readonly client: string;
}

async function edgeProxy(host: string, registrar: string, core: Transport): Promise<EdgeProxy> {
  const client = `127.0.0.1:${await freePort()}`;
  const process = await Edge.spawn({
    SLUICE_LISTEN: `udp:${client},tcp:${client}`,
    SLUICE_CORE_LISTEN: `udp:${host}:${await freePort(host)},tcp:${host}:${await freePort(host)}`,
    SLUICE_UPSTREAM: `sip:${registrar};transport=${core}`,
  });
  onTestFinished(async () => {
    process.signal("SIGCONT");
    await process.stop();
  });
  return { process, client };
}

/** From here on it reads nothing. */
async function hang(edge: EdgeProxy): Promise<void> {
  edge.process.signal("SIGSTOP");
  await expect.poll(() => standsStill(edge.process.pid)).toBe(true);
}

async function stage(core: Transport, { ringing = true, branchTimer = NEVER } = {}): Promise<Stage> {
  const home = await Home.spawn({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2,127.0.0.3", SLUICE_FAILOVER_MS: String(branchTimer) });
  const E1 = await edgeProxy("127.0.0.2", home.at, core);
  const E2 = await edgeProxy("127.0.0.3", home.at, core);
  const caller = await home.phone("caller");
  // The most recently registered flow is tried first: E1 gets the REGISTER after E2's has been answered.
  await hang(E1);
  const starting = Baresip.start({ user: "bob", edge: [E1.client, E2.client], transports: ["tcp", "tcp"], ringing });
  await expect.poll(() => home.contactsOf(caller, "bob")).toHaveLength(1);
  E1.process.signal("SIGCONT");
  const bob = await starting;
  onTestFinished(() => bob.stop());
  const stored = await home.contactsOf(caller, "bob");
  expect(stored.map((contact) => /reg-id=\d/.exec(contact)?.[0]).sort()).toEqual(["reg-id=1", "reg-id=2"]);
  return { home, E1, E2, bob, caller };
}

let calls = 0;

function invite(caller: Party): Promise<SipMessage> {
  calls += 1;
  return caller.say(`INVITE sip:bob@example.com SIP/2.0\nCall-ID: call-${calls}@${caller.scene}\nContact: <sip:caller@${caller.at}>`);
}

/** Gives up a ringing call. */
async function giveUp(caller: Party, request: SipMessage): Promise<void> {
  const [, ...lines] = request.text.split("\r\n").filter((line) => /^(?:Via|From|To|Call-ID):/.test(line) || line.startsWith("INVITE "));
  await caller.say([`CANCEL ${request.uri} SIP/2.0`, ...lines, "CSeq: 1 CANCEL"].join("\n"));
  await caller.response(200);
  await caller.response(487);
}

/** The edge through which the last INVITE came; the trace that shows it may come after the answer. */
function lastEdge(bob: Baresip): string | undefined {
  const via = bob.received.filter(({ method, isResponse }) => method === "INVITE" && !isResponse).at(-1)?.header("Via");
  return / (127\.0\.0\.1:\d+)/.exec(via ?? "")?.[1];
}

for (const core of ["udp", "tcp"] as const) {
  test(`SA-20 OB-7-3 OB-7-6 OB-7-17 kill -9 of the edge: the next call rings through the other one at once, core over ${core}`, async () => {
    const { E1, E2, bob, caller } = await stage(core);
    const before = await invite(caller);
    await caller.response(180);
    await expect.poll(() => lastEdge(bob)).toBe(E1.client);
    await giveUp(caller, before);
    await E1.process.kill();
    const after = await invite(caller);
    await caller.response(180);
    await expect.poll(() => lastEdge(bob)).toBe(E2.client);
    await giveUp(caller, after);
  });

  test(`SA-20 OB-7-5 DNS-5 a hanging edge: the branch timer moves the call to the other one, core over ${core}`, async () => {
    const { E1, E2, bob, caller } = await stage(core, { branchTimer: BRANCH_TIMER });
    await hang(E1);
    const called = performance.now();
    const request = await invite(caller);
    await caller.response(180);
    expect(performance.now() - called).toBeGreaterThan(BRANCH_TIMER * 0.9);
    await expect.poll(() => lastEdge(bob)).toBe(E2.client);
    await giveUp(caller, request);
  });
}

test("SA-20 OB-7-3 OB-7-6 kill -9 of the edge while the call is being set up: it rings through the other one at once", async () => {
  const { E1, E2, bob, caller } = await stage("tcp");
  // The edge has the INVITE, and dies before forwarding it.
  await hang(E1);
  const request = await invite(caller);
  await caller.settle();
  await E1.process.kill();
  await caller.response(180);
  await expect.poll(() => lastEdge(bob)).toBe(E2.client);
  await giveUp(caller, request);
});

test("SA-20 OB-7-3 SA-3 an edge is killed: a baresip calls bob through the other one, and he hangs up", async () => {
  const { E1, E2, bob } = await stage("tcp", { ringing: false });
  const alice = await Baresip.start({ user: "alice", edge: E2.client, transports: ["udp"] });
  onTestFinished(() => alice.stop());
  await E1.process.kill();
  await alice.call(bob);
  await expect.poll(() => lastEdge(bob)).toBe(E2.client);
  await bob.hangUp();
  await alice.hungUp();
});
