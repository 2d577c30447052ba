import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Config } from "../../../src/config/config.js";
import { completeConfig, readSettings } from "../../../src/config/read.js";
import type { TlsMaterial } from "../../../src/native/shard-settings.js";
import { createLog } from "../../../src/observe/log.js";
import { Certificates } from "../../../src/tls/certificates.js";
import { testCertificates, tlsSettings } from "../../support/certificates.js";

const HALF_A_DAY_MS = 43_200_000;
const KEY = Buffer.alloc(32, 1).toString("base64");

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function stageFor(environment: Record<string, string>): { readonly certificates: Certificates | undefined; readonly config: Config } {
  const { settings, errors } = readSettings({ SLUICE_FLOW_KEYS: `1:${KEY}`, ...environment });
  const config = settings && completeConfig(settings, false).config;
  if (config === undefined) throw new Error(errors.join("\n"));
  return { certificates: Certificates.of(config, createLog("silent", { write: () => undefined })), config };
}

const certificatesFor = (environment: Record<string, string>): Certificates | undefined => stageFor(environment).certificates;

const EDGE = { SLUICE_MODE: "edge", SLUICE_UPSTREAM: "sip:192.0.2.1" };

test("TR-27 session tickets get another key twice a day, and the certificates stay the same", () => {
  const certificates = certificatesFor({ ...EDGE, SLUICE_LISTEN: "tls:127.0.0.1:5061", ...tlsSettings() });
  const first = certificates?.material;
  const seen: TlsMaterial[] = [];
  certificates?.watch((material) => seen.push(material));
  vi.advanceTimersByTime(HALF_A_DAY_MS);
  certificates?.close();
  expect(seen).toEqual([{ ...first, ticketKey: certificates?.material.ticketKey }]);
  expect(seen[0]?.ticketKey).toHaveLength(first?.ticketKey.length ?? 0);
  expect(seen[0]?.ticketKey).not.toEqual(first?.ticketKey);
  expect(certificates?.material).toBe(seen[0]);
});

test("an edge without anything secure needs no certificates, one with a secure upstream does", () => {
  expect(certificatesFor({ ...EDGE, SLUICE_LISTEN: "udp:127.0.0.1:5060" })).toBeUndefined();
  expect(certificatesFor({ ...EDGE, SLUICE_LISTEN: "udp:127.0.0.1:5060", SLUICE_UPSTREAM: "sips:registrar.example.org" })).toBeDefined();
});

test("TR-25 a certificate that changes after a reload has read it and before that is in force is read again", () => {
  const { authority } = testCertificates();
  const live = { certificate: join(authority.folder, "raced.pem"), key: join(authority.folder, "raced.key") };
  const use = (name: string): void => {
    const issued = authority.issue([`DNS:${name}`]);
    copyFileSync(issued.key, live.key);
    copyFileSync(issued.certificate, live.certificate);
  };
  use("first.example.org");
  const settings = { ...EDGE, ...tlsSettings(), SLUICE_LISTEN: "tls:127.0.0.1:5061", SLUICE_TLS_CERT: live.certificate, SLUICE_TLS_KEY: live.key };
  const { certificates, config } = stageFor(settings);
  certificates?.watch(() => undefined);
  use("second.example.org");
  const putInForce = certificates?.prepare(config, (reason) => expect.unreachable(reason));
  use("third.example.org");
  putInForce?.();
  expect(certificates?.views()).toMatchObject([{ names: ["DNS:second.example.org"] }]);
  vi.advanceTimersByTime(1_000);
  expect(certificates?.views()).toMatchObject([{ names: ["DNS:third.example.org"] }]);
  certificates?.close();
});

test.each(["certificate", "key"] as const)("TR-25 a %s that is empty while it is being written ends nothing: the previous one stays in force", (part) => {
  const { authority } = testCertificates();
  const issued = authority.issue(["DNS:written.example.org"]);
  const live = { certificate: join(authority.folder, `written-${part}.pem`), key: join(authority.folder, `written-${part}.key`) };
  copyFileSync(issued.certificate, live.certificate);
  copyFileSync(issued.key, live.key);
  const certificates = certificatesFor({ ...EDGE, SLUICE_LISTEN: "tls:127.0.0.1:5061", SLUICE_TLS_CERT: live.certificate, SLUICE_TLS_KEY: live.key });
  const seen: TlsMaterial[] = [];
  certificates?.watch((material) => seen.push(material));
  writeFileSync(live[part], "");
  vi.advanceTimersByTime(2_000);
  expect(seen).toEqual([]);
  const next = authority.issue(["DNS:written.example.org"]);
  copyFileSync(next.certificate, live.certificate);
  copyFileSync(next.key, live.key);
  vi.advanceTimersByTime(2_000);
  expect(seen).toHaveLength(1);
  certificates?.close();
});

test("TR-27 a process goes on with the ticket key of the one before, no longer than that one would have", () => {
  const environment = { ...EDGE, SLUICE_LISTEN: "tls:127.0.0.1:5061", ...tlsSettings() };
  const { certificates: before, config } = stageFor(environment);
  vi.advanceTimersByTime(HALF_A_DAY_MS - 60_000);
  const heir = (tickets = before?.tickets): Certificates | undefined => Certificates.of(config, createLog("silent", { write: () => undefined }), tickets);
  const next = heir();
  expect(next?.material.ticketKey).toEqual(before?.material.ticketKey);
  const seen: TlsMaterial[] = [];
  next?.watch((material) => seen.push(material));
  vi.advanceTimersByTime(60_000);
  expect(seen).toHaveLength(1);
  next?.close();
  // Too old, of a clock that was set back, or no key.
  expect(heir()?.material.ticketKey).not.toEqual(before?.material.ticketKey);
  const { key = "" } = before?.tickets ?? {};
  expect(heir({ key, since: Date.now() + 1_000 })?.material.ticketKey).not.toEqual(before?.material.ticketKey);
  expect(heir({ key: "AAAA", since: Date.now() })?.material.ticketKey).toHaveLength(before?.material.ticketKey.length ?? 0);
});
