/** A shard that dies or hangs is restarted; the others, their flows and the process go on, and stopping never takes too long. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";
import { Edge } from "../support/edge.js";
import type { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { complete } from "../support/sip-text.js";
import { UdpSocket } from "../support/udp-socket.js";

const SLUICE_POLICY = fileURLToPath(new URL("policies/deadly.mjs", import.meta.url));
const MESSAGE = "MESSAGE sip:bob@example.com SIP/2.0";

interface Stage {
  readonly company: Cast;
  readonly admin: Admin;
}

async function stage(atEnd: typeof onTestFinished = onTestFinished): Promise<Stage> {
  const admin = await Admin.choose();
  const settings = { SLUICE_SHARDS: "2", SLUICE_POLICY, SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_DRAIN_SECONDS: "1" };
  return { company: await cast({ process: true, settings }, atEnd), admin };
}

/** OPTIONS from many sockets, so that every shard gets some; `answered[i]` counts those of socket i since it was last reset. */
class Traffic {
  readonly answered: number[] = [];
  readonly #sockets: UdpSocket[] = [];
  #timer: NodeJS.Timeout | undefined;

  static async start(company: Cast, perSecond: number): Promise<Traffic> {
    const traffic = new Traffic();
    const [host = "", port = ""] = company.client.split(":");
    for (let at = 0; at < 16; at += 1) {
      traffic.answered.push(0);
      traffic.#sockets.push(await UdpSocket.open({ host, port: Number(port) }, () => (traffic.answered[at] = (traffic.answered[at] ?? 0) + 1)));
    }
    let sent = 0;
    const begun = performance.now();
    traffic.#timer = setInterval(() => {
      for (const due = ((performance.now() - begun) * perSecond) / 1_000; sent < due; sent += 1) {
        const socket = traffic.#sockets[sent % traffic.#sockets.length];
        if (socket) void socket.send(complete(`OPTIONS sip:${company.client} SIP/2.0\nCall-ID: ${sent}`, { name: "traffic", at: socket.at, transport: "udp", scene: "traffic" }));
      }
    }, 2);
    onTestFinished(() => traffic.stop());
    return traffic;
  }

  forget(): void {
    this.answered.fill(0);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }
}

for (const how of ["throws", "rejects", "exits"] as const) {
  test(`a shard whose hook ${how} is restarted at 2,000 requests per second, and the flows of the other one survive`, async () => {
    const { company, admin } = await stage();
    const phones: { readonly party: Party; readonly path: readonly string[] }[] = [];
    for (let at = 0; at < 12; at += 1) {
      const party = await company.newClient(`phone${at}`, "tcp");
      phones.push({ party, path: await register(party, company.C) });
    }
    const traffic = await Traffic.start(company, 2_000);
    for (let death = 0; death < 3; death += 1) {
      await company.U.say(`${MESSAGE}\nX-Die: ${how}`);
      await expect.poll(async () => (await admin.get("/metrics")).text, { timeout: 10_000 }).toContain(`sluice_shard_restarts_total ${death + 1}\n`);
      await expect.poll(async () => (await admin.get("/readyz?verbose")).text, { timeout: 10_000 }).toContain("2 of 2 run");
    }
    // A connection belongs to the shard that accepted it: the dead shard's are closed, all others are still reached.
    const living = phones.filter(({ party }) => party.wire.isOpen);
    expect(living.length).toBeGreaterThan(0);
    for (const { party, path } of living) {
      company.C.forget();
      await company.C.say(`MESSAGE sip:x@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
      await party.request("MESSAGE");
      await party.reply("200 OK");
      await company.C.response(200);
    }
    traffic.forget();
    await expect.poll(() => Math.min(...traffic.answered), { timeout: 10_000 }).toBeGreaterThan(10);
    expect(company.SUT.isRunning).toBe(true);
  });
}

test("readyz notices a hanging shard, which is ended and restarted", async () => {
  const { company, admin } = await stage();
  await company.U.say(`${MESSAGE}\nX-Die: hangs`);
  await expect.poll(async () => (await admin.get("/readyz")).text).toContain("1 of 2 run");
  await expect.poll(async () => (await admin.get("/readyz?verbose")).text, { timeout: 15_000 }).toContain("2 of 2 run");
  expect(company.SUT.output).toContain("a shard hangs");
  expect((await admin.get("/api/history?kind=shard-lost")).json["rows"]).toHaveLength(1);
  expect((await admin.get("/livez")).status).toBe(200);
});

describe.concurrent("what mostly waits", () => {
  test("a shard that cannot be ended makes the process unhealthy, and SIGTERM still ends it", async ({ expect, onTestFinished }) => {
    const { company, admin } = await stage(onTestFinished);
    const fifo = join(mkdtempSync(join(tmpdir(), "sluice-fifo-")), "fifo");
    execFileSync("mkfifo", [fifo]);
    await company.U.say(`${MESSAGE}\nX-Die: blocks\nX-Fifo: ${fifo}`);
    await expect.poll(async () => (await admin.get("/livez")).text, { timeout: 20_000, interval: 250 }).toContain("hangs");
    company.SUT.terminate();
    // One second for the drain, plus five each for drain, close and end: the time of a test is three times that.
    expect(await company.SUT.exited()).toBe(0);
  });

  for (const how of ["throws", "hangs"] as const) {
    test(`SIGTERM works in time even while a shard is down or hangs: its hook ${how}`, async ({ onTestFinished }) => {
      const { company } = await stage(onTestFinished);
      await company.U.say(`${MESSAGE}\nX-Die: ${how}`);
      await sleep(150);
      company.SUT.terminate();
      expect(await company.SUT.exited()).toBe(0);
    });
  }
});

test("OB-5.4-1 clients that register while four shards start are supervised where they are heard: no flow of them dies", async () => {
  const company = await cast({ process: true, settings: { SLUICE_SHARDS: "4", SLUICE_FLOW_TIMER: "3" } });
  await company.SUT.kill();
  const phones = await Promise.all(Array.from({ length: 12 }, (_, at) => company.newClient(`early${at}`)));
  const answering = answerRegisters(company.C);
  // Each one sends before anyone reads, and again and again until it is answered.
  const restarted = company.SUT.restart();
  const trying = phones.map((phone, at) => setInterval(() => void phone.say(registerOf(at)), 50));
  onTestFinished(() => trying.forEach(clearInterval));
  const answers = await Promise.all(phones.map((phone) => phone.response(200)));
  trying.forEach(clearInterval);
  await restarted;
  // Longer than Flow-Timer plus grace: a shard that supervised a flow whose pings another shard reads would end it now.
  for (let second = 0; second < 10; second += 1) {
    for (const phone of phones) await phone.exactly("\r\n\r\n");
    await sleep(1_000);
  }
  answering.stop();
  await phones[0]?.say(registerOf(0));
  await answering.done;
  // The response to the last of the many REGISTERs is still on its way.
  await sleep(500);
  expect(answers.every((answer) => answer.header("Flow-Timer") === "3")).toBe(true);
  for (const [at, phone] of phones.entries()) {
    await phone.settle();
    phone.forget();
    company.C.forget();
    await company.C.say(`MESSAGE sip:x@192.0.2.1 SIP/2.0\nRoute: ${answering.paths.get(`early${at}`)?.join(", ")}`);
    await phone.request("MESSAGE");
    await phone.reply("200 OK");
    await company.C.response(200);
  }
});

test("a signal before the process is up is handled", async () => {
  const settings = { SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_UPSTREAM: "sip:127.0.0.1:9" };
  const ended = Edge.launch(settings);
  onTestFinished(() => ended.stop());
  await untilCaught(ended.pid);
  ended.terminate();
  expect(await ended.exited()).toBe(0);
  const reloaded = Edge.launch(settings);
  onTestFinished(() => reloaded.stop());
  await untilCaught(reloaded.pid);
  reloaded.signal("SIGHUP");
  await expect.poll(() => reloaded.output, { timeout: 20_000 }).toMatch(/sluice is up[^]*"msg":"reloaded"/);
});

function registerOf(at: number): string {
  return `REGISTER sip:example.com SIP/2.0\nCall-ID: early${at}\nSupported: path, outbound\nContact: <sip:a@192.0.2.1>;reg-id=1;+sip.instance="<urn:uuid:${at}>"`;
}

/** The core accepts every REGISTER and keeps the Path of each Call-ID. */
function answerRegisters(core: Party): { readonly paths: Map<string, readonly string[]>; readonly done: Promise<void>; stop(): void } {
  const paths = new Map<string, readonly string[]>();
  let on = true;
  const answer = async (): Promise<void> => {
    while (on) {
      const request = await core.request("REGISTER", 15_000);
      paths.set(request.header("Call-ID"), request.all("Path"));
      await core.reply("200 OK", "Require: outbound");
    }
  };
  return { paths, done: answer().catch(() => undefined), stop: () => void (on = false) };
}

/** Waits until the program reaches its first line. Node itself catches SIGTERM before that, but not SIGHUP, which the program catches last. */
async function untilCaught(pid: number): Promise<void> {
  const caught = (): boolean => (BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0"}`) & 1n) !== 0n;
  while (!caught()) await sleep(1);
}
