import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Settings } from "../../../src/config/config.js";
import { completeConfig, readSettings } from "../../../src/config/read.js";

const KEY = Buffer.alloc(32, 1).toString("base64");
const UPSTREAM = { SLUICE_UPSTREAM: "sip:127.0.0.1:5070" };

test("nothing set: a standalone server on loopback", () => {
  const { settings, errors, warnings } = readSettings({});
  expect(errors).toEqual([]);
  expect(settings).toMatchObject({ mode: "standalone", auth: { kind: "off" }, location: "embedded", outbound: "auto", flowTimer: 0, t1Ms: 500, branchTimeoutSeconds: 32, upstream: [] });
  expect(settings?.listen.map(({ transport, port }) => [transport, port])).toEqual([["udp", 5060], ["tcp", 5060]]);
  expect(settings?.coreListen).toBeUndefined();
  expect(warnings).toEqual([]);
  expect(readSettings({ SLUICE_MODE: "edge" }).warnings).toEqual([expect.stringContaining("SLUICE_UPSTREAM: not set")]);
});

test("all errors come at once, one line each, beginning with the variable", () => {
  const { settings, errors } = readSettings({
    ...UPSTREAM,
    SLUICE_SHARDS: "many",
    SLUICE_LISTEN: "udp:127.0.0.1:5060,sctp:127.0.0.1:443",
    SLUICE_OUTBOUND: "yes",
    SLUICE_MODE: "registry",
  });
  expect(settings).toBeUndefined();
  expect(errors).toEqual([
    'SLUICE_MODE: expected one of standalone, registrar, edge, not "registry"',
    expect.stringMatching(/^SLUICE_LISTEN: expected TRANSPORT:ADDRESS:PORT with one of/),
    'SLUICE_SHARDS: expected a whole number from 1 to 64, not "many"',
    'SLUICE_OUTBOUND: expected one of auto, force, off, not "yes"',
  ]);
});

test("SA-16 an error in a key does not repeat the key", () => {
  const { errors } = readSettings({ ...UPSTREAM, SLUICE_FLOW_KEYS: `1:${KEY},1:${KEY}` });
  expect(errors).toEqual(["SLUICE_FLOW_KEYS: expected each value once, but key id 1 is there twice"]);
});

test("no source may hold everything: its usual share shrinks with the whole, and one that exceeds the whole is an error", () => {
  expect(readSettings({}).settings).toMatchObject({ maxFlowsPerSource: 1_000, maxPendingPerSource: 10_000 });
  expect(readSettings({ SLUICE_MAX_FLOWS: "50", SLUICE_MAX_PENDING: "5000" }).settings).toMatchObject({ maxFlowsPerSource: 25, maxPendingPerSource: 2_500 });
  expect(readSettings({ SLUICE_MAX_FLOWS: "1", SLUICE_MAX_PENDING: "1" }).settings).toMatchObject({ maxFlowsPerSource: 1, maxPendingPerSource: 1 });
  expect(readSettings({ SLUICE_MAX_FLOWS: "50", SLUICE_MAX_FLOWS_PER_SOURCE: "50" }).errors).toEqual([]);
  expect(readSettings({ SLUICE_MAX_FLOWS: "50", SLUICE_MAX_FLOWS_PER_SOURCE: "51", SLUICE_MAX_PENDING_PER_SOURCE: "200000" }).errors).toEqual([
    "SLUICE_MAX_FLOWS_PER_SOURCE: expected no more than SLUICE_MAX_FLOWS, 50, of which it is one source's share",
    "SLUICE_MAX_PENDING_PER_SOURCE: expected no more than SLUICE_MAX_PENDING, 100000, of which it is one source's share",
  ]);
  expect(readSettings({ SLUICE_MAX_FLOWS: "many" }).errors).toEqual(['SLUICE_MAX_FLOWS: expected a whole number from 1 to 10000000, not "many"']);
});

test("hostile octets in a value are escaped and truncated", () => {
  const { errors } = readSettings({ SLUICE_SHARDS: `\u001b[2J\n${"x".repeat(500)}` });
  expect(errors[0]).toMatch(/^SLUICE_SHARDS: expected .* not "\\x1b\[2J\\nx+…"$/);
  expect(errors[0]?.length).toBeLessThan(200);
});

test("an empty variable counts as not set", () => {
  expect(readSettings({ ...UPSTREAM, SLUICE_SHARDS: " ", SLUICE_TRUSTED: "" }).errors).toEqual([]);
});

test("a misspelt variable gets a warning with the nearest one", () => {
  const { warnings, settings } = readSettings({ ...UPSTREAM, SLUICE_FLOWTIMER: "30", SLUICELESS: "1" });
  expect(warnings).toEqual(["SLUICE_FLOWTIMER: there is no such variable, did you mean SLUICE_FLOW_TIMER?"]);
  expect(settings?.flowTimer).toBe(0);
});

test("a variable that resembles none gets no suggestion: what all begin with is no likeness", () => {
  expect(readSettings({ ...UPSTREAM, SLUICE_NOSUCH: "1" }).warnings).toEqual(["SLUICE_NOSUCH: there is no such variable"]);
});

test("a listener claimed by both sides is an error, one without a port is not", () => {
  const both = "udp:127.0.0.1:5060";
  expect(readSettings({ ...UPSTREAM, SLUICE_LISTEN: both, SLUICE_CORE_LISTEN: both }).errors).toEqual([
    "SLUICE_CORE_LISTEN: expected each listener once, but SLUICE_LISTEN has udp:127.0.0.1:5060 already",
  ]);
  const chosen = "udp:127.0.0.1:0";
  expect(readSettings({ ...UPSTREAM, SLUICE_LISTEN: chosen, SLUICE_CORE_LISTEN: chosen }).errors).toEqual([]);
});

test("a range of ports is for the core of an edge and has one for each shard", () => {
  const set = { ...UPSTREAM, SLUICE_MODE: "edge", SLUICE_SHARDS: "4", SLUICE_CORE_LISTEN: "udp:127.0.0.1:5070-5073" };
  expect(readSettings(set).errors).toEqual([]);
  expect(readSettings({ ...set, SLUICE_SHARDS: "3" }).errors).toEqual(["SLUICE_CORE_LISTEN: expected 3 ports in udp:127.0.0.1:5070-5073, one for each of SLUICE_SHARDS"]);
  expect(readSettings({ ...set, SLUICE_MODE: "registrar" }).errors).toContain(
    "SLUICE_CORE_LISTEN: expected one port instead of udp:127.0.0.1:5070-5073, because a range is for SLUICE_MODE=edge",
  );
  expect(readSettings({ ...set, SLUICE_LISTEN: "udp:127.0.0.1:5072" }).errors).toEqual([
    "SLUICE_CORE_LISTEN: expected each listener once, but SLUICE_LISTEN has udp:127.0.0.1:5072 already",
  ]);
});

test("TR-25 missing settings for TLS and balancers are reported by name", () => {
  const listen = "tls:127.0.0.1:5061,tcp:127.0.0.1:5061,ws:127.0.0.1:80;proxy=require";
  expect(readSettings({ ...UPSTREAM, SLUICE_LISTEN: listen, SLUICE_TLS_KEY: import.meta.filename, SLUICE_TLS_CLIENT_CERT: "require" }).errors).toEqual([
    "SLUICE_LISTEN: expected each listener once, but SLUICE_LISTEN has tcp:127.0.0.1:5061 already",
    "SLUICE_TLS_KEY: expected as many files as SLUICE_TLS_CERT has",
    "SLUICE_TLS_CERT: expected a certificate for tls:127.0.0.1:5061",
    "SLUICE_TLS_CA: expected the authorities of the clients' certificates",
    "SLUICE_PROXY_TRUSTED: expected the balancers in front of ws:127.0.0.1:80",
  ]);
});

test("the settings cannot be changed", () => {
  const settings = readSettings(UPSTREAM).settings as Settings;
  expect(settings.upstream).toHaveLength(1);
  expect(() => Object.assign(settings, { shards: 2 })).toThrow(TypeError);
  expect(() => (settings.upstream as unknown[]).push(1)).toThrow(TypeError);
});

test("OB-5.2-5 keys come from the environment, else from the state folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-read-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const named = readSettings({ ...UPSTREAM, SLUICE_STATE_DIR: folder, SLUICE_FLOW_KEYS: `7:${KEY},3:${KEY}` });
  expect(named.settings && completeConfig(named.settings, true).config?.flowKeys.map(({ id }) => id)).toEqual([7, 3]);
  const unnamed = readSettings({ ...UPSTREAM, SLUICE_STATE_DIR: folder });
  expect(unnamed.settings && completeConfig(unnamed.settings, false).config?.flowKeys).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
  expect(unnamed.settings && completeConfig(unnamed.settings, true).config?.flowKeys.length).toBe(1);
});

test("a public address without users needs an explicit SLUICE_AUTH=off, and then gets a warning", () => {
  const place = (listen: string): string => `${listen};advertise=sip.example.org:5060`;
  for (const listen of ["udp:203.0.113.5:5060", "tcp:0.0.0.0:5060", "udp:[::]:5060", "udp:[2001:db8::1]:5060"]) {
    const environment = { SLUICE_LISTEN: place(listen) };
    expect(readSettings(environment).errors).toEqual([expect.stringMatching(/^SLUICE_AUTH: expected the users of this server/)]);
    expect(readSettings({ ...environment, SLUICE_MODE: "edge", ...UPSTREAM })).toMatchObject({ errors: [], warnings: [] });
    const open = readSettings({ ...environment, SLUICE_AUTH: "off" });
    expect(open).toMatchObject({ errors: [], warnings: [expect.stringContaining("anyone on the Internet can register and call as any user")] });
  }
  expect(readSettings({ SLUICE_LISTEN: "udp:10.0.0.1:5060" })).toMatchObject({ errors: [], warnings: [expect.stringContaining("anyone on this network")] });
  expect(readSettings({ SLUICE_LISTEN: "udp:[::1]:5060" })).toMatchObject({ errors: [], warnings: [] });
});

test("an alias refers to a domain in the list, and each name occurs once", () => {
  const errorsOf = (domains: string): readonly string[] => readSettings({ SLUICE_DOMAINS: domains }).errors;
  expect(errorsOf("example.org, sip.example.org=example.org")).toEqual([]);
  expect(errorsOf("a.example=b.example")).toEqual(["SLUICE_DOMAINS: expected a.example=b.example to name a domain of the list that is no alias itself"]);
  expect(errorsOf("c.example,b.example=c.example,a.example=b.example")).toHaveLength(1);
  expect(errorsOf("a.example,a.example")).toHaveLength(1);
});
