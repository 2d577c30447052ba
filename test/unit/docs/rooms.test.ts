/** The rooms of native/ and src/ in the order of docs/architecture.md. */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FLOOR_PLAN_SVG, floorPlan } from "../../../scripts/lib/floor-plan.mjs";
import { HOUSES, faults } from "../../../scripts/lib/rooms.mjs";

const [NATIVE, SRC] = HOUSES as [(typeof HOUSES)[0], (typeof HOUSES)[1]];

test("docs/images/rooms.svg shows the current rooms (else: npm run docs)", () => {
  expect(readFileSync(FLOOR_PLAN_SVG, "utf8")).toBe(floorPlan());
});

test.each(HOUSES)("$name: every room uses only those before it", (house) => {
  expect(faults(house)).toEqual([]);
});

describe("a violation", () => {
  let copy: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), "sluice-rooms-"));
    for (const folder of ["native", "src"]) cpSync(folder, join(copy, folder), { recursive: true });
  });

  afterEach(() => {
    rmSync(copy, { recursive: true });
  });

  test("an include of a later room is reported with file, line and text", () => {
    appendFileSync(join(copy, "native/core/base/ring.h"), '\n#include "core/shard/shard.h"\n');
    expect(faults(NATIVE, { root: copy })).toEqual([expect.stringMatching(/^native\/core\/base\/ring\.h:\d+: #include "core\/shard\/shard\.h" \(shard comes after base /)]);
  });

  test("a type import and a dynamic import of a later room are reported too", () => {
    appendFileSync(join(copy, "src/sip/uri.ts"), '\nimport type { Worker } from "../shard/pool.js";\nawait import("../proxy/branch.js");\n');
    expect(faults(SRC, { root: copy })).toEqual([expect.stringContaining("(shard comes after sip"), expect.stringContaining("(proxy comes after sip")]);
  });

  test("a room without a row and a row without a room are reported", () => {
    cpSync("src/sip", join(copy, "src/attic"), { recursive: true });
    rmSync(join(copy, "src/demo"), { recursive: true });
    expect(faults(SRC, { root: copy })).toEqual(["src: docs/architecture.md has no row for the room attic", "docs/architecture.md: there is no room demo in src"]);
  });
});
