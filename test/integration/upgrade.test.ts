/** A new process takes over from the running one, flows and all; and whatever fails, the running one goes on. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readRunning } from "../../src/process/running-file.js";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { tlsSettings } from "../support/certificates.js";
import { hangUp, listenOn, portOfEach, reaches, talking } from "../support/every-transport.js";
import { Installation } from "../support/installation.js";
import { Party } from "../support/party.js";
import { childrenOf } from "../support/processes.js";
import { SipMessage } from "../support/sip-message.js";
import { complete, responseTo } from "../support/sip-text.js";
import { tlsCoreStage } from "../support/tls-core-stage.js";
import { askForUpgrade } from "../support/upgrading.js";

const LIMIT = { timeout: 120_000 };

test("phones over every transport keep their flows, tokens and calls through two upgrades", LIMIT, async () => {
  const ports = await portOfEach();
  const installation = new Installation();
  const company = await cast({ process: true, own: true, program: installation.program, settings: { SLUICE_LISTEN: listenOn(ports), SLUICE_SHARDS: "2", SLUICE_MESSAGE_SECONDS: "300", ...tlsSettings() } });
  const { SUT } = company;
  const phones = await talking(company, ports);
  const tcp = phones.map(({ phone }) => phone).find(({ transport }) => transport === "tcp") ?? expect.unreachable();
  for (let round = 0; round < 2; round += 1) {
    // Half a request is on its way when the process changes.
    const [first, second] = halves(complete(`OPTIONS sip:${tcp.edge} SIP/2.0\nCall-ID: half-${round}@${company.scene}`, tcp));
    await tcp.send(first);
    expect(await askForUpgrade(company.SUT)).toContain("all is handed over");
    await tcp.send(second);
    await tcp.response(200);
    for (const { phone, path } of phones) await reaches(company, phone, path);
  }
  await hangUp(company, phones);
  for (const { phone } of phones) expect(phone.wire.isOpen).toBe(true);
  // And the process that was started first still answers for all of them.
  expect(SUT.isRunning).toBe(true);
});

test("a connection to the core over TLS goes over, with a response that is under way, and serves the next request too", LIMIT, async () => {
  const { core, edge, asked, heard, say } = await tlsCoreStage("tls-core");
  await say("OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: before");
  const first = await asked.take("core");
  await askForUpgrade(edge);
  await first.answer(responseTo(new SipMessage(first.text), "200 OK", "core"));
  expect((await heard.take("U")).status).toBe(200);
  await say("OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: after");
  const second = await asked.take("core");
  await second.answer(responseTo(new SipMessage(second.text), "200 OK", "core"));
  expect((await heard.take("U")).status).toBe(200);
  // One connection for all of it.
  expect(core.accepted).toHaveLength(1);
});

test.each(["tls", "wss"] as const)("a handshake that is under way over %s when the process changes goes on, and its connection follows", LIMIT, async (transport) => {
  const company = await cast({ process: true, own: true, client: transport, settings: { SLUICE_HANDSHAKE_SECONDS: "60" } });
  const { C, SUT, U } = company;
  const relay = await HoldingRelay.open(Number(company.client.split(":").at(-1)));
  onTestFinished(() => relay.close());
  const phone = new Party("late", company.client, company.scene, company.company);
  // A client believes that the handshake is over when it has sent its last part.
  const opening = company.dial(phone, relay.port, transport, 0);
  await relay.holding;
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output, { timeout: 60_000 }).toContain("draining the connections that cannot move");
  expect(SUT.output).toContain('"kept":1');
  relay.goOn();
  phone.attach(await opening);
  const path = await register(phone, C);
  await expect.poll(() => SUT.output, { timeout: 60_000 }).toContain("all is handed over");
  await reaches(company, phone, path);
  await reaches(company, U, await register(U, C));
});

/** Passes everything on, but of what the client sends only the first piece, until it may go on. */
class HoldingRelay {
  readonly #server: Server;
  readonly #kept: Buffer[] = [];
  #hasKept: () => void = () => undefined;
  /** Resolves when it keeps something back. */
  readonly holding = new Promise<void>((resolve) => (this.#hasKept = resolve));
  #edge: Socket | undefined;
  #isOpen = false;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const edge = (this.#edge = connect(port, "127.0.0.1"));
      let isFirst = true;
      client.on("data", (octets) => {
        if (isFirst || this.#isOpen) return void ((isFirst = false), edge.write(octets));
        this.#kept.push(octets);
        this.#hasKept();
      });
      edge.on("data", (octets) => client.write(octets));
      edge.on("close", () => client.destroy());
      client.on("close", () => edge.destroy());
      for (const socket of [client, edge]) socket.on("error", () => undefined);
    });
  }

  static async open(port: number): Promise<HoldingRelay> {
    const relay = new HoldingRelay(port);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  goOn(): void {
    this.#isOpen = true;
    for (const octets of this.#kept.splice(0)) this.#edge?.write(octets);
  }

  close(): void {
    this.#edge?.destroy();
    this.#server.close();
  }
}

function halves(text: string): readonly [string, string] {
  return [text.slice(0, 100), text.slice(100)];
}

test("whatever fails, the running process goes on with every flow, and says why", LIMIT, async () => {
  const installation = new Installation();
  const folder = mkdtempSync(join(tmpdir(), "sluice-env-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "env");
  writeFileSync(file, "");
  const company = await cast({ process: true, client: "tcp", own: true, program: installation.program, settings: { SLUICE_ENV_FILE: file, SLUICE_SHARDS: "" } });
  const { U, U2, C, SUT } = company;
  const path = await register(U, C);
  await company.reconnect(U2);
  const other = await register(U2, C);
  const fails = async (why: string | RegExp): Promise<void> => {
    const said = await askForUpgrade(company.SUT);
    expect(said).toMatch(why);
    expect(said).not.toContain("all is handed over");
    await reaches(company, U, path);
    await reaches(company, U2, other);
  };
  installation.install("process.exit(3)");
  await fails("it ended with status 3");
  installation.install("process.kill(process.pid, 'SIGSEGV')");
  await fails("SIGSEGV ended it");
  installation.install("syntax error");
  await fails("it ended with status 1");
  installation.install("await say({ kind: 'failed', why: 'of another format' }); process.exit(1)");
  await fails("of another format");
  installation.install("await say({ kind: 'ready', version: '9' }); process.kill(process.pid, 'SIGKILL')");
  await fails(/SIGKILL ended it/);
  installation.install("await say({ kind: 'ready', version: '9' }); setInterval(() => undefined, 1000)");
  await fails("it did not take over within");
  installation.install("process.on('message', ({ kind }) => kind === 'totals' && process.exit(5)); await say({ kind: 'ready', version: '9' }); await say({ kind: 'taken', since: 0 });");
  await fails("the process that took over has died");
  installation.restore();
  writeFileSync(file, "SLUICE_QUEUE_MAX=many\n");
  await fails("its configuration is invalid: SLUICE_QUEUE_MAX");
  writeFileSync(file, "SLUICE_SHARDS=3\n");
  await fails("SLUICE_SHARDS: expected");
  writeFileSync(file, "");
  const [soft = "", hard = ""] = (/^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${SUT.pid}/limits`, "utf8")) ?? []).slice(1);
  execFileSync("prlimit", [`--pid=${SUT.pid}`, "--nofile=120:"]);
  await fails("too few file descriptors");
  execFileSync("prlimit", [`--pid=${SUT.pid}`, `--nofile=${soft}:${hard}`]);
  // And when nothing fails any more, it works.
  expect(await askForUpgrade(company.SUT)).toContain("all is handed over");
  await reaches(company, U, path);
});

test("of two upgrades at once one is refused, and a process that dies soon after it took over gives everything back", LIMIT, async () => {
  const admin = await Admin.choose();
  const company = await cast({ process: true, client: "tcp", own: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
  const { U, C, SUT } = company;
  const path = await register(U, C);
  const first = admin.ask("POST", "/api/upgrade", {});
  await expect.poll(() => SUT.output).toContain("upgrade: starting");
  const second = await admin.ask("POST", "/api/upgrade", {});
  expect([second.status, second.text]).toEqual([409, expect.stringContaining("another upgrade is under way")]);
  const { status, json } = await first;
  expect(status).toBe(200);
  // U and U2 have one connection each.
  expect(json).toMatchObject({ flows: 2, kept: 0 });
  process.kill(Number(json["pid"]), "SIGKILL");
  await expect.poll(() => SUT.output).toContain("the process that took over has died");
  await reaches(company, U, path);
  await expect.poll(async () => (await admin.get("/metrics")).text).toMatch(/sluice_upgrades_total\{result="failed"\} 1\n[^]*sluice_upgrades_total\{result="refused"\} 1/);
});

test("signals reach the process that took over, and the first process ends with its status", LIMIT, async () => {
  const company = await cast({ process: true, own: true });
  const { SUT, U, C } = company;
  const path = await register(U, C);
  expect(await askForUpgrade(company.SUT)).toContain("all is handed over");
  await expect.poll(() => readRunning(SUT.stateDir)?.pid).not.toBe(SUT.pid);
  const pid = readRunning(SUT.stateDir)?.pid ?? 0;
  await reaches(company, U, path);
  SUT.signal("SIGHUP");
  await expect.poll(() => SUT.output).toContain('"msg":"reloaded"');
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
  expect(() => process.kill(pid, 0)).toThrow();
});

test("a service that is told to end while the process before could still go on ends as a whole", LIMIT, async () => {
  const { SUT } = await cast({ process: true, own: true });
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output, { interval: 10 }).toContain("sluice took over from another process");
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
  expect(SUT.output).toContain("the process that took over was told to end: so does this one");
  expect(SUT.output).not.toContain("this one goes on");
});

test("a process that is told to end in the middle of an upgrade takes the new one with it", LIMIT, async () => {
  const { SUT } = await cast({ process: true, own: true });
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output).toContain("upgrade: starting");
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
  expect(SUT.output).toMatch(/SIGKILL ended it[^\n]*the upgrade failed/);
});

test("a process that was to take over ends in one line when the one before is killed while it loads", LIMIT, async () => {
  const { SUT } = await cast({ process: true, own: true });
  SUT.signal("SIGUSR2");
  await expect.poll(() => childrenOf(SUT.pid)).toHaveLength(1);
  const [successor = 0] = childrenOf(SUT.pid);
  const before = SUT.output.length;
  await SUT.kill();
  await expect.poll(() => isAlive(successor), { timeout: 60_000 }).toBe(false);
  const lines = SUT.output.slice(before).split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  expect(lines).toEqual([expect.stringMatching(/did not arrive|do not come/)]);
});

test("a process that waits for the flows of one that is killed meanwhile ends in one line", LIMIT, async () => {
  const { SUT } = await cast({ process: true, own: true });
  SUT.signal("SIGUSR2");
  await expect.poll(() => childrenOf(SUT.pid)).toHaveLength(1);
  const [successor = 0] = childrenOf(SUT.pid);
  // The one before sends nothing, so the new one loads, says that it is ready, and waits.
  SUT.signal("SIGSTOP");
  let ticks = "";
  await expect.poll(() => ticks === (ticks = ticksOf(successor)), { interval: 300, timeout: 15_000 }).toBe(true);
  const before = SUT.output.length;
  await SUT.kill();
  await expect.poll(() => isAlive(successor), { timeout: 60_000 }).toBe(false);
  const lines = SUT.output.slice(before).split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  expect(lines).toEqual([expect.stringMatching(/did not arrive|do not come/)]);
});

test("a process that has taken over serves on when the one before is killed at once", LIMIT, async () => {
  const company = await cast({ process: true, own: true });
  const { SUT, U, C } = company;
  const path = await register(U, C);
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output, { interval: 10 }).toContain("sluice took over from another process");
  const [successor = 0] = childrenOf(SUT.pid);
  onTestFinished(() => void (isAlive(successor) && process.kill(successor, "SIGKILL")));
  await SUT.kill();
  await reaches(company, U, path);
  process.kill(successor, "SIGTERM");
  await expect.poll(() => isAlive(successor), { timeout: 60_000 }).toBe(false);
});

/** Of the processor, as far as that process has used it. */
function ticksOf(pid: number): string {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return `${fields[11]} ${fields[12]}`;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
