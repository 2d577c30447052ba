import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { completeConfig, readSettings } from "../../../src/config/read.js";
import type { TlsMaterial } from "../../../src/native/binding.js";
import { createLog } from "../../../src/observe/log.js";
import { Certificates } from "../../../src/tls/certificates.js";
import { tlsSettings } from "../../support/certificates.js";

const HALF_A_DAY_MS = 43_200_000;
const KEY = Buffer.alloc(32, 1).toString("base64");

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function certificatesFor(environment: Record<string, string>): Certificates | undefined {
  const { settings, errors } = readSettings({ SLUICE_FLOW_KEYS: `1:${KEY}`, ...environment });
  const config = settings && completeConfig(settings, false).config;
  if (config === undefined) throw new Error(errors.join("\n"));
  return Certificates.of(config, createLog("silent", { write: () => undefined }));
}

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
