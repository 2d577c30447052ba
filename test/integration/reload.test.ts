/** Changing a running process: SIGHUP and /api/reload, a temporary log level, and a drain that moves flows out slowly. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import type { Settings } from "../support/edge.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { freePort } from "../support/ports.js";

async function stage(lines: string, settings: Settings = {}): Promise<Awaited<ReturnType<typeof cast>> & { admin: Admin; file: string }> {
  const admin = await Admin.choose();
  const file = join(mkdtempSync(join(tmpdir(), "sluice-env-")), "sluice.env");
  writeFileSync(file, lines);
  const company = await cast({ process: true, client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_ENV_FILE: file, ...settings } });
  return Object.assign(company, { admin, file });
}

for (const how of ["SIGHUP", "reload"] as const) {
  test(`SA-9 ${how} changes limits and log level, reports what it cannot change, and loses no flow`, async () => {
    const { SUT, U, C, admin, file } = await stage("SLUICE_MAX_FLOWS_PER_SOURCE=100\nSLUICE_LOG_LEVEL=info\n");
    const path = await register(U, C);
    writeFileSync(file, "SLUICE_MAX_FLOWS_PER_SOURCE=1\nSLUICE_LOG_LEVEL=debug\nSLUICE_SHARDS=1\nSLUICE_MAX_PENDING=50000\nSLUICE_UDP_TOKEN_DAYS=29\n");
    if (how === "SIGHUP") SUT.signal("SIGHUP");
    else {
      expect((await admin.ask("POST", "/api/reload", {})).json).toEqual({
        changed: ["SLUICE_LOG_LEVEL", "SLUICE_MAX_FLOWS_PER_SOURCE", "SLUICE_MAX_PENDING"],
        needRestart: ["SLUICE_UDP_TOKEN_DAYS"],
        errors: [],
      });
    }
    await expect.poll(() => SUT.output).toMatch(/"needRestart":\["SLUICE_UDP_TOKEN_DAYS"\]/);
    expect((await admin.get("/api/log")).json).toEqual({ level: "debug" });
    await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
    await U.request("MESSAGE");
    // The new limit applies: all parties here share one address.
    await expect.poll(async () => {
      const late = await TcpConnection.open({ host: "127.0.0.1", port: Number(U.edge.split(":").at(-1)) }, () => undefined);
      await late.expectClosed(2_000).catch(() => undefined);
      return late.isOpen;
    }).toBe(false);
    writeFileSync(file, "");
    await admin.ask("POST", "/api/reload", {});
  });
}

test("SA-9 a bad file changes nothing, and the errors are reported", async () => {
  const { SUT, U, C, admin, file } = await stage("SLUICE_QUEUE_MAX=65536\n");
  const path = await register(U, C);
  writeFileSync(file, "SLUICE_QUEUE_MAX=1\nSLUICE_LOG_LEVEL=loud\n");
  const report = (await admin.ask("POST", "/api/reload", {})).json as { errors: string[]; changed: string[] };
  expect(report.errors.join("\n")).toMatch(/SLUICE_LOG_LEVEL[^]*SLUICE_QUEUE_MAX/);
  expect(report.changed).toEqual([]);
  expect(SUT.isRunning).toBe(true);
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
  await U.request("MESSAGE");
});

test("SA-9 a key added at the top of the key file signs after a reload, and older tokens stay valid", async () => {
  const { SUT, U, C, admin } = await stage("");
  const path = await register(U, C);
  const file = join(SUT.stateDir, "flow.keys");
  writeFileSync(file, `9:${Buffer.alloc(32, 7).toString("base64")}\n${readFileSync(file, "utf8")}`);
  expect((await admin.ask("POST", "/api/reload", {})).json["changed"]).toEqual(["SLUICE_FLOW_KEYS"]);
  expect((await admin.get("/api/keys")).json["keys"]).toMatchObject([{ id: 9, signs: true }, { signs: false }]);
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
  await U.request("MESSAGE");
});

test("SA-9 another upstream is used from the reload on", async () => {
  // The environment overrides the file, so it names no upstream here.
  const { U, C, admin, file } = await stage(`SLUICE_FLOW_TIMER=40\nSLUICE_UPSTREAM=sip:127.0.0.1:${await freePort()}\n`, { SLUICE_UPSTREAM: "" });
  writeFileSync(file, `SLUICE_FLOW_TIMER=45\nSLUICE_UPSTREAM=sip:${C.at}\n`);
  expect((await admin.ask("POST", "/api/reload", {})).json["changed"]).toEqual(["SLUICE_UPSTREAM", "SLUICE_FLOW_TIMER"]);
  await U.say("REGISTER sip:example.com SIP/2.0\nCall-ID: r\nSupported: path, outbound\nContact: <sip:a@192.0.2.1>;reg-id=1;+sip.instance=\"<urn:x>\"");
  await C.request("REGISTER");
  await C.reply("200 OK", "Require: outbound");
  expect((await U.response(200)).header("Flow-Timer")).toBe("45");
});

test("SA-9 an upstream that cannot be resolved, or a name that does not exist: rejected with the reason, and the old one stays", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "sluice-env-")), "sluice.env");
  const admin = await Admin.choose();
  const company = await cast({ process: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_UPSTREAM: "", SLUICE_ENV_FILE: file, ...write("") } });
  const { U, C } = company;
  function write(lines: string): Record<string, never> {
    writeFileSync(file, lines);
    return {};
  }
  const works = async (): Promise<void> => {
    await U.say("MESSAGE sip:bob@example.com SIP/2.0");
    await C.request("MESSAGE");
    await C.reply("200 OK");
    await U.response(200);
  };
  write(`SLUICE_UPSTREAM=sip:${C.at}\n`);
  expect((await admin.ask("POST", "/api/reload", {})).json["changed"]).toEqual(["SLUICE_UPSTREAM"]);
  await works();
  const bad = [
    ["SLUICE_UPSTREAM=sip:no-such-host.invalid\nSLUICE_FLOW_TIMER=50\n", /SLUICE_UPSTREAM: .*no-such-host/],
    [`SLUICE_UPSTREAM=sip:${C.at}\nSLUICE_FLOW_TIMRE=50\n`, /SLUICE_FLOW_TIMRE: there is no such variable, did you mean SLUICE_FLOW_TIMER/],
  ] as const;
  for (const [lines, reason] of bad) {
    write(lines);
    const reports = await Promise.all([1, 2].map(() => admin.ask("POST", "/api/reload", {})));
    for (const { json } of reports) {
      expect(json["changed"]).toEqual([]);
      expect((json["errors"] as string[]).join("\n")).toMatch(reason);
    }
    await works();
  }
});

test("a temporary log level reverts by itself", async () => {
  const { admin } = await stage("");
  expect((await admin.ask("PUT", "/api/log", { level: "debug", seconds: 1 })).json).toMatchObject({ level: "debug", back: "info" });
  await expect.poll(async () => (await admin.get("/api/log")).json["level"]).toBe("info");
});

test("SA-8 a drain closes flows at the set rate; not ready meanwhile; a second signal exits at once", async () => {
  const admin = await Admin.choose();
  const { SUT, U, C, newClient } = await (async () => {
    const company = await cast({ process: true, client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_DRAIN_RATE: "10", SLUICE_DRAIN_SECONDS: "1" } });
    return { SUT: company.SUT, U: company.U, C: company.C, newClient: (name: string) => company.newClient(name) };
  })();
  await register(U, C);
  for (let at = 0; at < 30; at += 1) await (await newClient(`P${at}`)).settle();
  const flows = async (): Promise<number> => ((await admin.get("/api/status")).json["flows"] as { stream: number }).stream;
  const before = await flows();
  expect(before).toBeGreaterThanOrEqual(30);
  expect((await admin.ask("POST", "/api/drain", {})).status).toBe(200);
  await expect.poll(async () => (await admin.get("/readyz")).status).toBe(503);
  await expect.poll(flows, { timeout: 10_000, interval: 50 }).toBeLessThan(before);
  const [begin, some] = [Date.now(), await flows()];
  await expect.poll(flows, { interval: 50 }).toBeLessThan(some - 10);
  // Ten a second: however late a machine is, it is never early.
  expect((some - (await flows())) / ((Date.now() - begin) / 1_000)).toBeLessThan(16);
  SUT.terminate();
  expect(await SUT.exited()).toBe(1);
});
