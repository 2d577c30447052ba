import { expect, test } from "vitest";
import { printConfig } from "../../../src/config/print.js";
import { readSettings } from "../../../src/config/read.js";
import { table } from "../../../src/config/table.js";

const KEY = Buffer.alloc(32, 1).toString("base64");

test("SA-16 a key is masked", () => {
  const text = printConfig({ SLUICE_FLOW_KEYS: `1:${KEY}` });
  expect(text).toContain("SLUICE_FLOW_KEYS=***\n");
  expect(text).not.toContain(KEY.slice(0, 6));
});

test("every variable has its line, and the lines can be read back", () => {
  const environment = { SLUICE_UPSTREAM: "sip:a;weight=3,sip:b", SLUICE_SHARDS: "3", SLUICE_TRUSTED: "10.0.0.0/8" };
  const lines = printConfig(environment).trimEnd().split("\n");
  expect(lines).toHaveLength(Object.keys(table).length);
  const printed = lines.filter((line) => !line.startsWith("#")).map((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1) ?? []);
  const again = readSettings(Object.fromEntries(printed) as Record<string, string>);
  expect(again).toEqual(readSettings(environment));
  expect(again.errors).toEqual([]);
});
