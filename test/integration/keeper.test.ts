/** A keeper holds the flows while the server crashes and is started again: phones, core and callers notice nothing but a pause. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";
import { tlsSettings } from "../support/certificates.js";
import { MAIN } from "../support/edge.js";
import { hangUp, listenOn, portOfEach, reaches, talking } from "../support/every-transport.js";
import { Installation } from "../support/installation.js";
import { childOf, crash } from "../support/kept-server.js";
import { childrenOf, isAsleep, startOf, stateOf } from "../support/processes.js";
import { complete } from "../support/sip-text.js";
import { askForUpgrade } from "../support/upgrading.js";

const LIMIT = { timeout: 120_000 };
const KEEPER = { SLUICE_KEEPER: "on" };

const kept = (settings: Readonly<Record<string, string>> = {}, program = MAIN): Promise<Cast> =>
  cast({ process: true, own: true, client: "tcp", program, settings: { ...KEEPER, ...settings } });

test("phones over every transport keep their flows, tokens and calls through two crashes", LIMIT, async () => {
  const ports = await portOfEach();
  const company = await cast({ process: true, own: true, program: MAIN, settings: { ...KEEPER, SLUICE_LISTEN: listenOn(ports), SLUICE_SHARDS: "2", ...tlsSettings() } });
  const { SUT } = company;
  const phones = await talking(company, ports);
  for (const [round, signal] of (["SIGKILL", "SIGABRT"] as const).entries()) {
    const said = await crash(SUT, signal);
    expect(said).toMatchObject({ how: signal, crashes: round + 1, kept: 4, lost: 0 });
    for (const { phone, path } of phones) await reaches(company, phone, path);
  }
  await hangUp(company, phones);
  for (const { phone } of phones) expect(phone.wire.isOpen).toBe(true);
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
});

test("what arrives while nobody runs is answered by the next process", LIMIT, async () => {
  const company = await kept();
  const { C, SUT, U } = company;
  await register(U, C);
  const server = childOf(SUT.pid) ?? expect.unreachable();
  process.kill(server, "SIGKILL");
  await U.say("OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: meanwhile");
  await C.request("OPTIONS");
  await C.reply("200 OK");
  await U.response(200);
});

test("a connection of which half a message was read ends, and is counted", LIMIT, async () => {
  const company = await kept();
  const { C, SUT, U, U2 } = company;
  const path = await register(U, C);
  await register(U2, C);
  const whole = complete(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: half`, U2);
  await U2.send(whole.slice(0, 40));
  // It has been read when what came later on another connection has.
  await reaches(company, U, path);
  expect(await crash(SUT)).toMatchObject({ kept: 1, lost: 1 });
  await expect.poll(() => U2.wire.isOpen).toBe(false);
  await reaches(company, U, path);
});

test("an upgrade under a keeper, and a crash after it", LIMIT, async () => {
  const company = await kept();
  const { C, SUT, U } = company;
  const path = await register(U, C);
  for (let round = 1; round < 3; round += 1) {
    const old = childOf(SUT.pid) ?? expect.unreachable();
    expect(await askForUpgrade(SUT)).toContain("all is handed over: this process ends");
    await reaches(company, U, path);
    // What it had started belongs to the keeper when it has ended.
    await expect.poll(() => childOf(SUT.pid)).not.toBe(old);
    expect(await crash(SUT)).toMatchObject({ crashes: round, kept: 2, lost: 0 });
    await reaches(company, U, path);
  }
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
});

test.each(["new", "old"] as const)("the %s process of an upgrade is killed when both still have everything", LIMIT, async (which) => {
  const company = await kept();
  const { C, SUT, U } = company;
  const path = await register(U, C);
  const old = childOf(SUT.pid) ?? expect.unreachable();
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output, { timeout: 60_000 }).toContain("upgrade: another process has taken over");
  const successor = childOf(old) ?? expect.unreachable();
  process.kill(which === "new" ? successor : old, "SIGKILL");
  if (which === "new") await expect.poll(() => SUT.output, { timeout: 60_000 }).toContain("has died: this one goes on");
  await reaches(company, U, path);
  // And whoever is left is the server, whose crash is one.
  await expect.poll(() => childOf(SUT.pid)).toBe(which === "new" ? old : successor);
  expect(await crash(SUT)).toMatchObject({ crashes: 1, kept: 2 });
  await reaches(company, U, path);
});

test("a server that is killed while its successor gets ready is started again", LIMIT, async () => {
  const company = await kept();
  const { C, SUT, U } = company;
  const path = await register(U, C);
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output).toContain("upgrade: starting the process");
  expect(await crash(SUT)).toMatchObject({ crashes: 1, kept: 2, lost: 0 });
  await reaches(company, U, path);
});

test("a successor that comes too late, when its parent has crashed and the keeper starts another process, leaves the connections alone", LIMIT, async () => {
  const installation = new Installation();
  const company = await kept({}, installation.program);
  const { C, SUT, U } = company;
  const path = await register(U, C);
  const old = childOf(SUT.pid) ?? expect.unreachable();
  // It stops as soon as it has said that it is ready, so that everything is sent to it and it takes nothing.
  installation.install(`const send = process.send.bind(process);
process.send = (message, ...rest) => {
  const sent = send(message, ...rest);
  if (message.kind === "ready") process.kill(process.pid, "SIGSTOP");
  return sent;
};
process.argv[1] = ${JSON.stringify(MAIN)};
await import(${JSON.stringify(MAIN)});`);
  SUT.signal("SIGUSR2");
  const successor = await expect.poll(() => childOf(old), { timeout: 60_000 }).toBeDefined().then(() => childOf(old) ?? expect.unreachable());
  await expect.poll(() => stateOf(successor), { timeout: 60_000 }).toBe("T");
  installation.restore();
  expect(await crash(SUT)).toMatchObject({ before: old, kept: 2, lost: 0 });
  process.kill(successor, "SIGCONT");
  await expect.poll(() => stateOf(successor), { timeout: 60_000 }).toBe(undefined);
  await reaches(company, U, path);
  await reaches(company, U, path);
});

test("a version that knows no keeper does not take over: the keeper would start the server again beside it", async () => {
  const installation = new Installation();
  const company = await kept({}, installation.program);
  const { C, SUT, U } = company;
  const path = await register(U, C);
  installation.earlier();
  expect(await askForUpgrade(SUT)).toContain("knows no keeper");
  await reaches(company, U, path);
});

test("a server that crashes at once, again and again, is given up", LIMIT, async () => {
  const installation = new Installation();
  const company = await kept({}, installation.program);
  const { C, SUT, U } = company;
  await register(U, C);
  expect(await crash(SUT)).toMatchObject({ kept: 2 });
  installation.install("process.abort();");
  const began = performance.now();
  process.kill(childOf(SUT.pid) ?? expect.unreachable(), "SIGKILL");
  expect(await SUT.exited()).toBe(134);
  // It waits before the third, the fourth and the fifth start.
  expect(performance.now() - began).toBeGreaterThan(1_150);
  expect(SUT.output).toContain("the keeper gives up");
  await expect.poll(() => U.wire.isOpen).toBe(false);
  // As the service manager would.
  installation.restore();
  await SUT.restart();
  await company.reconnect(U);
  await reaches(company, U, await register(U, C));
});

test("a server that has served for two seconds is started again at once, also after its third crash", LIMIT, async () => {
  const company = await kept();
  const { C, SUT, U } = company;
  const path = await register(U, C);
  for (let crashes = 1; crashes <= 3; crashes += 1) {
    await sleep(2_000);
    const old = childOf(SUT.pid) ?? expect.unreachable();
    const killed = Date.now();
    process.kill(old, "SIGKILL");
    await expect.poll(() => ![old, undefined].includes(childOf(SUT.pid)), { timeout: 60_000, interval: 5 }).toBe(true);
    // With a wait it would be 400 ms after the third. The kernel says when it was started, not when we got round to looking.
    expect(startOf(childOf(SUT.pid) ?? 0) - killed).toBeLessThan(350);
    await expect.poll(() => SUT.output.split("goes on with its flows").length, { timeout: 60_000 }).toBe(crashes + 1);
  }
  await reaches(company, U, path);
});

test("a standby goes on after a crash, and another one waits then; it ends with the keeper", LIMIT, async () => {
  const company = await kept({ SLUICE_KEEPER: "standby", SLUICE_SHARDS: "2" });
  const { C, SUT, U } = company;
  const path = await register(U, C);
  const standby = async (): Promise<number> => {
    const server = childOf(SUT.pid);
    await expect.poll(() => childrenOf(SUT.pid).length, { timeout: 60_000 }).toBe(2);
    const other = childrenOf(SUT.pid).find((pid) => pid !== server) ?? expect.unreachable();
    // Until it waits in the kernel, with all threads.
    await expect.poll(() => isAsleep(other), { timeout: 60_000, interval: 200 }).toBe(true);
    return other;
  };
  const first = await standby();
  expect(await crash(SUT)).toMatchObject({ kept: 2, lost: 0 });
  expect(childOf(SUT.pid)).toBe(first);
  await reaches(company, U, path);
  const second = await standby();
  // One that is not needed is no loss, and an upgrade makes another, since it may be of another version.
  await askForUpgrade(SUT);
  await expect.poll(() => stateOf(second), { timeout: 60_000 }).toBeUndefined();
  await expect.poll(() => childrenOf(SUT.pid).length, { timeout: 60_000 }).toBe(2);
  await reaches(company, U, path);
  const all = childrenOf(SUT.pid);
  await SUT.stop();
  for (const pid of all) await expect.poll(() => stateOf(pid), { timeout: 60_000 }).toBeUndefined();
});

test("a standby that hangs when it is needed is killed, and a start like any other keeps the flows", LIMIT, async () => {
  const company = await kept({ SLUICE_KEEPER: "standby" });
  const { C, SUT, U } = company;
  const path = await register(U, C);
  const server = childOf(SUT.pid) ?? expect.unreachable();
  await expect.poll(() => childrenOf(SUT.pid).length, { timeout: 60_000 }).toBe(2);
  const standby = childrenOf(SUT.pid).find((pid) => pid !== server) ?? expect.unreachable();
  await expect.poll(() => isAsleep(standby), { timeout: 60_000, interval: 200 }).toBe(true);
  process.kill(standby, "SIGSTOP");
  process.kill(server, "SIGKILL");
  await expect.poll(() => SUT.output, { timeout: 60_000 }).toMatch(/was told to go on and has not said a word since[^]*this one goes on with its flows/);
  expect(stateOf(standby)).toBeUndefined();
  // From the end of the server, not from that of the standby.
  expect(Number(/"gapMs":(\d+)/.exec(SUT.output)?.[1])).toBeGreaterThan(10_000);
  await reaches(company, U, path);
});

test("a crash after the number of shards was changed is a restart, with a line that names the variable", LIMIT, async () => {
  const file = join(mkdtempSync(join(tmpdir(), "sluice-kept-")), "environment");
  onTestFinished(() => rmSync(dirname(file), { recursive: true }));
  writeFileSync(file, "SLUICE_SHARDS=1\n");
  const company = await kept({ SLUICE_ENV_FILE: file, SLUICE_SHARDS: "" });
  const { C, SUT, U } = company;
  await register(U, C);
  writeFileSync(file, "SLUICE_SHARDS=2\n");
  process.kill(childOf(SUT.pid) ?? expect.unreachable(), "SIGKILL");
  await expect.poll(() => SUT.output, { timeout: 60_000 }).toMatch(/SLUICE_SHARDS: expected 1 as before, not 2[^]*sluice is up/);
  await expect.poll(() => U.wire.isOpen).toBe(false);
  await company.reconnect(U);
  const path = await register(U, C);
  // From here on it is kept as ever; the connection to the core is one that the server has dialled.
  expect(await crash(SUT)).toMatchObject({ kept: 1, lost: 0 });
  await reaches(company, U, path);
});

test("a keeper that is killed leaves a service that goes on and says so", LIMIT, async () => {
  const company = await kept();
  const { C, SUT, U } = company;
  const path = await register(U, C);
  const server = childOf(SUT.pid) ?? expect.unreachable();
  onTestFinished(() => void process.kill(server, "SIGTERM"));
  await SUT.kill();
  await expect.poll(() => SUT.output, { timeout: 20_000 }).toContain("the keeper has died");
  await reaches(company, U, path);
  await company.reconnect(U);
  await reaches(company, U, await register(U, C));
});

test("a faulty configuration and a port in use end it at once, with the status of the server", LIMIT, async () => {
  const company = await kept();
  const run = (settings: Readonly<Record<string, string>>): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [MAIN], { env: { PATH: process.env["PATH"], SLUICE_MODE: "edge", SLUICE_STATE_DIR: company.SUT.stateDir, SLUICE_ADMIN_LISTEN: "off", ...KEEPER, ...settings }, encoding: "utf8", timeout: 60_000 });
  expect(run({ SLUICE_LISTEN: "sctp:127.0.0.1:1" }).status).toBe(78);
  const second = run({ SLUICE_LISTEN: company.SUT.settings["SLUICE_LISTEN"] ?? "", SLUICE_UPSTREAM: "sip:127.0.0.1" });
  expect(second.status).toBe(1);
  expect(second.stdout).not.toContain("crashed");
  await reaches(company, company.U, await register(company.U, company.C));
});

test("without SLUICE_KEEPER there is none", LIMIT, async () => {
  const company = await cast({ process: true, own: true, client: "tcp" });
  expect(childOf(company.SUT.pid)).toBeUndefined();
  expect(stateOf(company.SUT.pid)).toBeDefined();
});
