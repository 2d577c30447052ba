/** Strangers can neither fill the disk nor hide what the operator must read. */
import { expect, test } from "vitest";
import type { Alert } from "../../../src/native/binding.js";
import { Event } from "../../../src/native/layout.js";
import { AlertLog } from "../../../src/observe/alerts.js";
import type { Log } from "../../../src/observe/log.js";

test("a thousand sources in a second write a hundred lines of a kind, and an upstream that goes down still gets its line", () => {
  const lines: string[] = [];
  const write = (_: object, message: string): void => void lines.push(message);
  const log = { info: write, warn: write, error: write, debug: () => undefined } as unknown as Log;
  const alert = (event: number, source: number): Alert => ({ event, address: `10.0.${source >> 8}.${source & 255}`, port: 5_060, number: 0, sample: Buffer.alloc(0) });
  const alerts = new AlertLog(log);
  alerts.write(0, Array.from({ length: 1_000 }, (_, source) => alert(Event.forgedToken, source)));
  alerts.write(0, [alert(Event.upstreamDown, 7)]);
  const forged = lines.filter((line) => line.includes("forged")).length;
  // A new second may begin meanwhile.
  expect(forged).toBeGreaterThan(50);
  expect(forged).toBeLessThanOrEqual(2 * 101);
  expect(lines.at(-1)).toContain("an upstream does not answer");
});

test("an upstream that calls from where it is not trusted: the line says what to change", () => {
  const lines: string[] = [];
  const log = { warn: (fields: object, message: string) => lines.push(`${JSON.stringify(fields)} ${message}`), debug: () => undefined } as unknown as Log;
  const untrusted: Alert = { event: Event.coreNotTrusted, address: "10.0.0.1", port: 40_000, number: 0, sample: Buffer.alloc(0) };
  new AlertLog(log).write(0, [untrusted, untrusted]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("10.0.0.1:40000");
  expect(lines[0]).toContain("SLUICE_TRUSTED");
  expect(lines[0]).toContain("SLUICE_CORE_LISTEN");
});
