/** The `sluice` command: what it prints, as text and as JSON, and the exit codes that scripts rely on. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast, type Cast } from "../support/cast.js";
import { Running, sluice, sluiceWithin } from "../support/command.js";
import { Home, instanceOf } from "../support/home.js";
import { freePort } from "../support/ports.js";

const DEMO = fileURLToPath(new URL("../../dist/demo.js", import.meta.url));

async function stage(): Promise<Cast & { readonly env: Record<string, string> }> {
  const admin = await Admin.choose();
  const company = await cast({ process: true, client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
  return Object.assign(company, { env: { SLUICE_ADMIN_LISTEN: admin.listen } });
}

/** Of a standalone server that nobody has spoken to. */
async function adminOfHome(): Promise<Record<string, string>> {
  const { listen } = await Admin.choose();
  const env = { SLUICE_ADMIN_LISTEN: listen };
  await Home.start(env);
  return env;
}

test("every command has help with an example, and wrong usage exits with 2 and one line", async () => {
  const overview = await sluice(["--help"]);
  expect(overview.code).toBe(0);
  const names = [...overview.out.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = ""]) => name);
  expect(names).toEqual(expect.arrayContaining(["start", "check-config", "print-config", "status", "top", "flows", "bindings", "token", "trace", "drain", "keys", "reload", "doctor", "probe"]));
  for (const name of names) {
    const help = await sluiceWithin([name, "--help"]);
    expect(help.code, name).toBe(0);
    expect(help.out, name).toMatch(/^Usage: sluice /);
    expect(help.out, name).toMatch(new RegExp(`^ {2}(?:SLUICE_\\S+ )*sluice ${name}`, "m"));
  }
  for (const args of [["flow"], ["flows", "--nonsense"], ["token"], ["trace"], ["probe", "nobody"], ["keys", "melt"], ["status", "now"], ["flows", "alice", "bob"]]) {
    const wrong = await sluiceWithin(args);
    expect(wrong.code, args.join(" ")).toBe(2);
    expect(wrong.err.trim().split("\n"), args.join(" ")).toHaveLength(1);
  }
  // And as a process of its own.
  expect(await sluice(["flow"])).toMatchObject({ code: 2, err: expect.stringContaining("did you mean flows?") as string });
});

test("without a process the exit code is 4, with a bad configuration 78", async () => {
  const env = { SLUICE_ADMIN_LISTEN: `127.0.0.1:${await freePort()}` };
  for (const args of [["status"], ["flows"], ["top", "--times", "1"], ["drain"], ["reload"]]) {
    expect((await sluiceWithin(args, env)).code, args.join(" ")).toBe(4);
  }
  expect(await sluice(["check-config", "--json"], { SLUICE_SHARDS: "many" })).toMatchObject({ code: 78 });
  expect((await sluice(["doctor"], { SLUICE_SHARDS: "many" })).code).toBe(78);
  const state = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  expect((await sluice(["check-config"], { SLUICE_STATE_DIR: state })).code).toBe(0);
  const printed = JSON.parse((await sluice(["print-config", "--json"], { SLUICE_STATE_DIR: state, SLUICE_ADMIN_TOKEN: "a-secret-of-some-length" })).out) as Record<string, string>;
  expect(printed).toMatchObject({ SLUICE_STATE_DIR: state, SLUICE_ADMIN_TOKEN: "***" });
});

test("what strangers write reaches the operator's terminal as text, not as commands to it", async () => {
  const { env, U, C } = await stage();
  const tracing = new Running(["trace", U.at.split(":")[0] ?? "", "--full", "--seconds", "60"], env);
  await expect.poll(() => tracing.err).toContain("tracing");
  // A quoted string may hold any octet behind a backslash (RFC 3261 25.1, quoted-pair), and octets above ASCII, such as C1 controls.
  await U.say('REGISTER sip:example.com SIP/2.0\nSupported: path, outbound\nUser-Agent: \u009b2J\nContact: <sip:U@192.0.2.1>;reg-id=1;+sip.instance="<urn:x:\\\u001b]0;owned\\\u0007\u009b31m>"');
  await C.request("REGISTER");
  await C.reply("200 OK");
  await U.response(200);
  await expect.poll(() => tracing.out).toContain("owned");
  tracing.process.kill("SIGINT");
  await tracing.ended();
  const shown = [tracing.out, (await sluiceWithin(["flows"], env)).out, (await sluiceWithin(["flows", "--json"], env)).out];
  for (const out of shown) {
    expect(out).toContain("owned");
    expect(out).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f]/);
  }
});

test("SA-11 status, flows, token and keys describe the running process", async () => {
  const { env, U, C } = await stage();
  const path = (await register(U, C)).at(0) ?? "";
  await expect.poll(async () => (await sluiceWithin(["status"], env)).code).toBe(0);
  const status = await sluice(["status"], env);
  expect(status).toMatchObject({ code: 0, err: "" });
  expect(status.out).toMatch(/, ready,/);
  expect(JSON.parse((await sluiceWithin(["status", "--json"], env)).out)).toMatchObject({ mode: "edge", ready: true });
  const flows = await sluice(["flows", "somebody@example.com"], env);
  expect(flows.code).toBe(0);
  expect(flows.out).toContain(U.at);
  expect(flows.out).toContain("sip:somebody@example.com");
  expect((await sluiceWithin(["flows", "nobody@example.com"], env)).code).toBe(3);
  expect(await sluice(["token", path], env)).toMatchObject({ code: 0, out: expect.stringMatching(/^alive/) as string });
  expect((await sluiceWithin(["token", path.replace(/.@/, "!@")], env)).code).not.toBe(0);
  const [flow] = (JSON.parse((await sluiceWithin(["flows", "--json", U.at], env)).out) as { flows: { id: string }[] }).flows;
  expect((await sluice(["flows", "--close", flow?.id ?? ""], env)).code).toBe(0);
  await expect.poll(async () => (await sluiceWithin(["token", path], env)).code).toBe(3);
  expect((await sluiceWithin(["flows", "--ended", "somebody"], env)).out).toContain("closed by the operator");
  const rotated = (await sluice(["keys", "rotate"], env)).out.trim().split("\n");
  expect(rotated).toHaveLength(3);
  const [signs = "", before = ""] = rotated.slice(1).map((line) => /\d+/.exec(line)?.[0]);
  expect(await sluice(["keys", "drop", signs], env)).toMatchObject({ code: 1, err: expect.stringContaining(`key ${signs} signs: rotate first`) as string });
  const dropped = await sluice(["keys", "drop", before], env);
  expect(dropped).toMatchObject({ code: 0, err: "" });
  expect(dropped.out.trim().split("\n")).toHaveLength(2);
  expect((await sluiceWithin(["bindings"], env)).code).toBe(1);
  expect((await sluice(["ban", "198.51.100.1", "--seconds", "5"], env)).out).toContain("198.51.100.1");
  expect((await sluice(["log", "debug", "--seconds", "5"], env)).out).toMatch(/debug, back to info/);
  expect((await sluice(["top", "--times", "1", "--json"], env)).out).toMatch(/"rates":\{/);
});

test("a flow that died, or whose phone has registered over another one since, is not shown as registered", async () => {
  const admin = await Admin.choose();
  const env = { SLUICE_ADMIN_LISTEN: admin.listen };
  const home = await Home.spawn(env);
  const [bob, again, A] = [await home.phone("bob"), await home.phone("bob"), await home.phone("A")];
  const shown = async (): Promise<readonly string[]> => (await sluiceWithin(["flows", "bob"], env)).out.trim().split("\n").slice(1);
  const registration = { instance: instanceOf("bob"), regId: 1 };
  await home.register(bob, registration);
  await expect.poll(shown).toEqual([expect.stringMatching(/for another \d+ min/)]);
  await home.register(again, registration);
  await expect.poll(async () => (await shown()).find((line) => line.includes(bob.at))).toMatch(/until it registered over \d+\.\d+\.\d+/);
  expect((await shown()).find((line) => line.includes(again.at))).toContain("for another");
  await again.close();
  again.leave();
  await A.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>");
  await A.response(480);
  await expect.poll(async () => (await shown()).find((line) => line.includes(again.at))).toContain("until nobody answered there");
});

test("a key that is not there cannot be dropped, and the answer names those that are", async () => {
  const { env } = await stage();
  await expect.poll(async () => (await sluiceWithin(["status"], env)).code).toBe(0);
  for (const where of [[], ["--farm"]]) expect(await sluice(["keys", "drop", "63", ...where], env)).toMatchObject({ code: 3, out: "", err: expect.stringMatching(/there is no key 63: the keys are \d/) as string });
});

test("without a farm nobody speaks of nodes", async () => {
  const { env, U, C } = await stage();
  await register(U, C);
  const found = await sluice(["where", "somebody@example.com"], env);
  expect(found).toMatchObject({ code: 0, err: "" });
  expect(found.out).toMatch(/^flow +transport/);
  expect((JSON.parse((await sluiceWithin(["where", "--json", U.at], env)).out) as { readonly flows: readonly object[] }).flows).toEqual([expect.not.objectContaining({ node: expect.anything() as unknown })]);
});

test("where: whoever has nobody says what this server is, and where else to look", async () => {
  const { env } = await stage();
  expect(await sluiceWithin(["where", "nobody@example.com"], env)).toEqual({ code: 3, out: "", err: expect.stringMatching(/^sluice: this edge, which belongs to no farm \(SLUICE_FARM\), does not have nobody@example\.com; at its registrar, sluice bindings shows/) as string });
  const home = await adminOfHome();
  expect(await sluiceWithin(["where", "nobody@example.com"], home)).toEqual({ code: 3, out: "", err: expect.stringMatching(/^sluice: nobody registered over a flow of this server as nobody@example\.com; sluice bindings shows/) as string });
});

test("an empty list is no failure for whoever asked for all of it, but whoever looked for something has not found it", async () => {
  const home = await adminOfHome();
  for (const list of [["flows"], ["flows", "--ended"], ["bindings"], ["silent"], ["refused"]]) {
    expect(await sluiceWithin(list, home), list.join(" ")).toEqual({ code: 0, out: "", err: expect.stringMatching(/^sluice: .*\b(?:no|nobody)\b.*\n$/) as string });
    expect(await sluiceWithin([...list, "absent"], home), list.join(" ")).toMatchObject({ code: 3, out: "" });
  }
  expect(await sluiceWithin(["flows", "--silence", "300-3600"], home)).toMatchObject({ code: 3 });
});

test("a list of edges that cannot be read, and a first start that fails", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const farm of ["x", "10.0.0.1:5060", "1000=sip:10.0.0.1"]) {
    expect(await sluiceWithin(["check-config"], { SLUICE_FARM: farm }), farm).toMatchObject({ code: 78, err: expect.stringMatching(/^sluice: SLUICE_FARM: expected each edge with its number, such as 1=sip:10\.0\.0\.1:5060/m) as string });
  }
  const policy = join(folder, "policy.mjs");
  writeFileSync(policy, 'throw new Error("no such policy");');
  const port = await freePort();
  const failed = await sluice(["start"], {
    SLUICE_MODE: "edge", SLUICE_STATE_DIR: join(folder, "state"), SLUICE_POLICY: policy, SLUICE_HISTORY_MEGABYTES: "0", SLUICE_ADMIN_LISTEN: "off", SLUICE_FLOW_KEYS: `1:${Buffer.alloc(32, 7).toString("base64")}`,
    SLUICE_UPSTREAM: "sip:127.0.0.1:9", SLUICE_LISTEN: `udp:127.0.0.1:${port}`,
  });
  expect(failed).toMatchObject({ code: 1, err: expect.stringContaining("no such policy") as string });
  expect(readdirSync(folder)).toEqual(["policy.mjs"]);
});

test("trace draws the ladder of one phone, live", async () => {
  const { env, U, U2, C } = await stage();
  const trace = new Running(["trace", "somebody@example.com", "--seconds", "20"], env);
  await expect.poll(() => trace.err).toMatch(/tracing/);
  await U2.say("MESSAGE sip:other@example.com SIP/2.0\nTo: <sip:other@example.com>");
  await C.request("MESSAGE");
  await register(U, C);
  await expect.poll(() => trace.out.match(/[▶◀]/g)?.length ?? 0).toBe(4);
  trace.process.kill("SIGINT");
  const { code, out } = await trace.ended();
  expect(code).toBe(0);
  expect(out).toContain("REGISTER example.com");
  expect(out).toContain("200 OK (REGISTER)");
  expect(out).not.toContain("MESSAGE");
});

test("doctor finds a taken port and a dead upstream", async () => {
  const { client, C } = await stage();
  const env = { SLUICE_ADMIN_LISTEN: `127.0.0.1:${await freePort()}`, SLUICE_STATE_DIR: mkdtempSync(join(tmpdir(), "sluice-cli-")) };
  const bad = await sluice(["doctor", "--json"], { ...env, SLUICE_LISTEN: `udp:${client},tcp:127.0.0.1:${await freePort()}`, SLUICE_UPSTREAM: `sip:127.0.0.1:${await freePort()};transport=tcp` });
  expect(bad.code).toBe(1);
  const { checks } = JSON.parse(bad.out) as { checks: { name: string; result: string; detail: string }[] };
  expect(checks).toContainEqual(expect.objectContaining({ name: "port", result: "fail", detail: expect.stringContaining("EADDRINUSE") as string }));
  expect(checks).toContainEqual(expect.objectContaining({ name: "upstream", result: "fail" }));
  const good = await sluice(["doctor", "--json"], { ...env, SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_UPSTREAM: `sip:${C.at}` });
  expect(good.code, good.out).toBe(0);
});

test("drain ends the process", async () => {
  const { env, SUT } = await stage();
  SUT.terminate = () => undefined;
  expect((await sluice(["drain"], env)).code).toBe(0);
  expect(await SUT.exited()).toBe(0);
  await SUT.stop();
});

test("the demo shows two flows, a pulled cable, 430 and the second flow, and exits by itself", async () => {
  const demo = new Running(["--once"], {}, DEMO);
  const { code, out } = await demo.ended();
  expect(out).toContain("430 Flow Failed (INVITE)");
  expect(out).toMatch(/the first over flow ([12]), the second over flow (?!\1)[12]/);
  expect(out).toMatch(/Dashboard: http:\/\/127\.0\.0\.1:\d+\//);
  expect(code).toBe(0);
});

test("what is no admin plane is named, however it answers, and nothing hangs", async () => {
  let answer = "";
  const server = createServer((socket) => socket.on("error", () => undefined).once("data", () => socket.end(answer)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const place = server.address() as AddressInfo;
  const asked = (...args: readonly string[]): Promise<{ readonly code: number | null; readonly err: string }> => sluiceWithin([...args, "--admin", `127.0.0.1:${place.port}`]);
  for (answer of ["", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n<html>"]) {
    expect(await asked("flows"), answer).toMatchObject({ code: 1, err: expect.stringMatching(/is an admin plane there\?\n$/) as string });
  }
  answer = 'HTTP/1.0 404 Not Found\r\nX: y\r\nContent-Length: 15\r\n\r\n{"error":"näh"}'.replace("15", "16");
  expect(await asked("flows")).toEqual({ code: 3, out: "", err: "sluice: näh\n" });
  expect(await sluiceWithin(["flows", "--admin", "https://127.0.0.1"])).toMatchObject({ code: 2, err: expect.stringContaining("expected http://") as string });
});
