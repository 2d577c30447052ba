/** What an operator is shown has been looked at: upstreams, registrations, stores, tokens, and the process that a command speaks of. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast, type Cast, type Scenery } from "../support/cast.js";
import { Running, sluice } from "../support/command.js";
import { Edge } from "../support/edge.js";
import { sanitizer } from "../support/server-process.js";
import { Home } from "../support/home.js";
import { freePort } from "../support/ports.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

interface Seen {
  readonly id: string;
  readonly aors: readonly { readonly aor: string; readonly grantedSeconds: number; readonly expiresInSeconds: number | null }[];
}

async function stage(scenery: Scenery = {}): Promise<Cast & { readonly admin: Admin }> {
  const admin = await Admin.choose();
  const company = await cast({ ...scenery, settings: { SLUICE_ADMIN_LISTEN: admin.listen, ...scenery.settings } });
  return Object.assign(company, { admin });
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-operator-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function metric(admin: Admin, line: string): Promise<number> {
  const { text } = await admin.get("/metrics");
  return Number(text.split("\n").find((one) => one.startsWith(`${line} `))?.split(" ").at(-1) ?? NaN);
}

for (const transport of ["udp", "tcp"] as const) {
  test(`an edge is ready once its upstream has answered, and no more when that has ended, though no phone has sent anything; ${transport}`, async () => {
    const admin = await Admin.choose();
    const port = await freePort();
    const target = `${transport}:127.0.0.1:${port}`;
    const company = await cast({ own: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_UPSTREAM: `sip:127.0.0.1:${port};transport=${transport}`, SLUICE_UPSTREAM_PROBE_SECONDS: "1" } });
    const ready = async (): Promise<string> => (await admin.get("/readyz?verbose")).text;
    await expect.poll(ready).toContain("[-] upstream: 0 of 1 targets answer");
    expect(await metric(admin, `sluice_upstream_up{target="${target}"}`)).toBe(0);
    const registrar = await Edge.spawn({ SLUICE_MODE: "registrar", SLUICE_LISTEN: `${transport}:127.0.0.1:${port}`, SLUICE_EDGES: "127.0.0.1", SLUICE_DOMAINS: "example.com" });
    onTestFinished(() => registrar.stop());
    await expect.poll(ready, { timeout: 20_000 }).toContain("[+] upstream: 1 of 1 targets answer");
    expect(await metric(admin, `sluice_upstream_up{target="${target}"}`)).toBe(1);
    await registrar.kill();
    await expect.poll(ready, { timeout: 30_000 }).toContain("[-] upstream: 0 of 1 targets answer");
    await expect.poll(() => metric(admin, `sluice_upstream_up{target="${target}"}`)).toBe(0);
    // The log hears of it a moment later.
    await expect.poll(() => company.SUT.output).toContain("an upstream does not answer");
  });
}

test("a registration that ran out is told from the flow, which goes on", async () => {
  const { admin, U, C } = await stage({ client: "tcp" });
  const seen = async (): Promise<Seen | undefined> => ((await admin.get("/api/flows?q=carol@example.com")).json["flows"] as Seen[])[0];
  const registerFor = async (seconds: number): Promise<void> => {
    await U.say(`REGISTER sip:example.com SIP/2.0\nCall-ID: carol-${seconds}@${U.scene}\nTo: <sip:carol@example.com>\nContact: <sip:carol@192.0.2.1>`);
    await C.request("REGISTER");
    await C.reply("200 OK", `Contact: <sip:other@192.0.2.2>;expires=9999, <sip:carol@192.0.2.1>;expires=${seconds}`);
    await U.response(200);
  };
  await registerFor(1);
  expect((await seen())?.aors).toEqual([expect.objectContaining({ aor: "sip:carol@example.com", grantedSeconds: 1 })]);
  await expect.poll(async () => (await seen())?.aors[0]?.expiresInSeconds).toBeLessThan(0);
  expect((await sluice(["flows", "carol@example.com"], { SLUICE_ADMIN_LISTEN: admin.listen })).out).toMatch(/RAN OUT \d+ s ago/);
  await registerFor(600);
  expect((await seen())?.aors[0]?.expiresInSeconds).toBeGreaterThan(500);
});

test("the same on a standalone server, by what its registrar granted", async () => {
  const admin = await Admin.choose();
  const home = await Home.start({ SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_MIN_EXPIRES: "60" });
  const phone = await home.phone("dora", "tcp");
  await home.register(phone, { expires: 120 });
  const flows = (await admin.get("/api/flows?q=dora@example.com")).json["flows"] as Seen[];
  const granted = flows[0]?.aors[0]?.grantedSeconds ?? 0;
  expect(granted).toBeGreaterThan(100);
  expect(granted).toBeLessThanOrEqual(120);
  expect(await metric(admin, "sluice_store_up")).toBe(1);
  // It needs no upstream, and nobody says that it does.
  expect((await admin.get("/readyz?verbose")).text).not.toContain("upstream");
});

testWith("redis-server")("a Redis that is away shows in the metric, in readiness and in doctor", async () => {
  const admin = await Admin.choose();
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const settings = { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_LOCATION: redis.url };
  const home = await Home.start(settings);
  expect(await metric(admin, "sluice_store_up")).toBe(1);
  const env = { SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_STATE_DIR: folder(), SLUICE_LOCATION: redis.url, SLUICE_ADMIN_LISTEN: `127.0.0.1:${await freePort()}` };
  const well = await sluice(["doctor"], env);
  expect(well.out).toMatch(/store +Redis answers/);
  await redis.stop();
  await expect.poll(() => metric(admin, "sluice_store_up"), { timeout: 20_000 }).toBe(0);
  expect((await admin.get("/readyz")).status).toBe(503);
  const ill = await sluice(["doctor"], env);
  expect(ill.code).toBe(1);
  expect(ill.out).toMatch(/✗ store +Redis: /);
  expect(home.server.isRunning).toBe(true);
});

test("at debug there is a line for each registration, refusal and failed call, at trace one for each message, without credentials", async () => {
  const { SUT, U, C } = await stage({ client: "tcp", own: true, settings: { SLUICE_LOG_LEVEL: "debug" } });
  const lines = (): Record<string, unknown>[] => SUT.output.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Record<string, unknown>);
  await register(U, C);
  await U.say(`INVITE sip:bob@example.com SIP/2.0\nTo: <sip:bob@example.com>\nCall-ID: fails@${U.scene}\nContact: <sip:U@192.0.2.1>`);
  await C.request("INVITE");
  await C.reply("486 Busy Here");
  await U.response(486);
  await U.say("MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: works");
  await C.request("MESSAGE");
  await C.reply("200 OK");
  await U.response(200);
  await expect.poll(() => lines().filter(({ level }) => level === "debug").map(({ msg, status, method }) => ({ msg, status, method }))).toEqual([
    { msg: "a REGISTER was accepted", status: 200, method: "REGISTER" },
    { msg: "a call failed", status: 486, method: "INVITE" },
  ]);
  expect(lines().find(({ status }) => status === 486)).toMatchObject({ to: "sip:bob@example.com", peer: U.at, callId: `fails@${U.scene}` });
  const admin = SUT.settings["SLUICE_ADMIN_LISTEN"] ?? "";
  await sluice(["log", "trace", "--seconds", "60"], { SLUICE_ADMIN_LISTEN: admin });
  await U.say('MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: secret\nAuthorization: Digest username="bob", realm="r", response="5ecret"');
  await C.request("MESSAGE");
  await C.reply("200 OK");
  await U.response(200);
  const messages = (): string[] => lines().filter(({ level }) => level === "trace").map(({ message }) => String(message)).filter((text) => text.includes("Call-ID: secret"));
  await expect.poll(() => messages().length).toBe(4);
  expect(messages().join("")).not.toContain("5ecret");
  // One `level` is the line's own.
  for (const line of SUT.output.split("\n")) expect(line.match(/"level":/g)?.length ?? 0, line).toBeLessThan(2);
});

test("a token of another edge with the same keys is not taken for one of an earlier start", async () => {
  const settings = { SLUICE_FLOW_KEYS: `3:${Buffer.alloc(32, 3).toString("base64")}` };
  const [one, other] = [await stage({ process: true, client: "tcp", own: true, settings }), await stage({ process: true, client: "tcp", own: true, settings })];
  const [token = ""] = await register(one.U, one.C);
  const explain = (admin: Admin): Promise<string> => admin.get(`/api/token/${encodeURIComponent(token)}`).then(({ json }) => String(json["why"]));
  const { id } = (await one.admin.get("/api/status")).json;
  expect(await explain(other.admin)).toContain(`another edge with the same keys, id ${String(id)}`);
  await one.SUT.restart();
  expect(await explain(one.admin)).toBe("its connection belonged to an earlier start of this process");
});

test("the command finds the server that runs here by its state folder, and says so", async () => {
  const admin = await Admin.choose();
  const company = await cast({ process: true, own: true, client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_MAX_FLOWS: "4711", SLUICE_ADMIN_TOKEN: "a-token-of-some-length" } });
  const here = folder();
  symlinkSync(company.SUT.stateDir, join(here, "state"));
  const ran = (args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> => sluice(args, {}, here);
  await expect.poll(async () => (await ran(["status"])).code).toBe(0);
  expect((await ran(["status"])).out).toContain(`by the running process, pid ${company.SUT.pid}`);
  // Its token is in its environment, which the same user may read.
  expect((await ran(["flows"])).out).toContain(company.U.at);
  expect((await ran(["print-config"])).out).toContain("SLUICE_MAX_FLOWS=4711");
  expect((await ran(["check-config"])).out).toBe(`valid: the running process, pid ${company.SUT.pid}\n`);
  const doctor = JSON.parse((await ran(["doctor", "--json"])).out) as { checks: { name: string; detail: string }[] };
  expect(doctor.checks).toContainEqual(expect.objectContaining({ name: "process", detail: `it runs, pid ${company.SUT.pid}: its ports are its own` }));
  expect((await ran(["status", "--live"])).code).toBe(0);
  // A shell that configures a server of its own means that one.
  expect((await sluice(["print-config"], { SLUICE_MAX_FLOWS: "9" }, here)).out).toContain("SLUICE_MAX_FLOWS=9");
  company.SUT.terminate();
  await company.SUT.exited();
  expect((await ran(["check-config"])).out).toContain("this shell's environment, which sets nothing");
});

test("print-config writes a file that works, whole, for its owner alone, and never over what it reads", async () => {
  const here = folder();
  const file = join(here, "sluice.env");
  const written = join(here, "new.env");
  writeFileSync(file, `SLUICE_MAX_FLOWS=4711\nSLUICE_ADMIN_TOKEN='a-token#of-"some"-length'\n`);
  const env = { SLUICE_ENV_FILE: file, SLUICE_STATE_DIR: join(here, "state") };
  const before = readFileSync(file, "utf8");
  expect(await sluice(["print-config", "--output", file], env)).toMatchObject({ code: 2, err: expect.stringContaining("is what was read") as string });
  expect(readFileSync(file, "utf8")).toBe(before);
  expect((await sluice(["print-config", "--output", written], env)).code).toBe(0);
  expect(statSync(written).mode & 0o777).toBe(0o600);
  const again = { SLUICE_ENV_FILE: written };
  expect(JSON.parse((await sluice(["print-config", "--json"], again)).out)).toMatchObject({ SLUICE_MAX_FLOWS: "4711", SLUICE_ADMIN_TOKEN: "***" });
  expect(readFileSync(written, "utf8")).toContain(`SLUICE_ADMIN_TOKEN='a-token#of-"some"-length'`);
  // The shell has emptied it by then, which is at least said.
  const emptied = spawn("sh", ["-c", `exec "${process.execPath}" "${MAIN}" print-config > "${file}"`], { env: { PATH: process.env["PATH"], ...sanitizer, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  emptied.stderr?.on("data", (octets: Buffer) => (said += octets.toString()));
  expect(await new Promise((resolve) => emptied.once("close", resolve))).toBe(2);
  expect(said).toContain("both read and written");
});

test("whoever closes the pipe ends a command without a word", async () => {
  const running = new Running(["print-config"], { SLUICE_STATE_DIR: folder() });
  running.process.stdout?.destroy();
  expect(await running.ended()).toMatchObject({ code: 0, err: "" });
});

test("a port that is taken is told with its owner and the variable that moves it", async () => {
  const { SUT, client } = await cast({ process: true });
  for (const [settings, variable] of [[{ SLUICE_LISTEN: `udp:${client}` }, "SLUICE_LISTEN"], [{ SLUICE_LISTEN: `tcp:${client}` }, "SLUICE_LISTEN"], [{ SLUICE_ADMIN_LISTEN: client, SLUICE_LISTEN: "udp:127.0.0.1:0" }, "SLUICE_ADMIN_LISTEN"]] as const) {
    const second = await sluice(["start"], { SLUICE_MODE: "edge", SLUICE_STATE_DIR: folder(), SLUICE_ADMIN_LISTEN: "off", ...settings });
    expect(second.code).toBe(1);
    expect(second.err).toMatch(new RegExp(`EADDRINUSE, the port is held by .+, pid ${SUT.pid}; .*${variable}`));
    expect(second.err.trim().split("\n")).toHaveLength(1);
  }
});

test("at a terminal a server shows where phones go and where the dashboard is, and logs in short lines", async () => {
  const [port, admin] = [await freePort(), await freePort()];
  const env = { PATH: process.env["PATH"], ...sanitizer, NO_COLOR: "1", SLUICE_STATE_DIR: folder(), SLUICE_LISTEN: `udp:127.0.0.1:${port}`, SLUICE_ADMIN_LISTEN: `127.0.0.1:${admin}` };
  // script(1) gives it a terminal.
  const terminal = spawn("script", ["-qefc", `${process.execPath} ${MAIN}`, "/dev/null"], { env, stdio: ["pipe", "pipe", "ignore"] });
  let screen = "";
  terminal.stdout.on("data", (octets: Buffer) => (screen += octets.toString()));
  try {
    await expect.poll(() => screen, { timeout: 20_000 }).toMatch(/sluice is up/);
    expect(screen).toMatch(/a standalone server; anybody may register/);
    expect(screen).toContain(`phones      udp 127.0.0.1:${port}`);
    expect(screen).toContain(`dashboard   http://127.0.0.1:${admin}/`);
    expect(screen).not.toContain('{"level"');
  } finally {
    terminal.stdin.write("\x03");
    await new Promise((resolve) => terminal.once("close", resolve));
  }
});
