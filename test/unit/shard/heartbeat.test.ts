/** Which shard is silent and which hangs; a pause of the whole process accuses nobody. */
import { expect, test } from "vitest";
import { metricTable } from "../../../src/admin/metric-table.js";
import { Heartbeat } from "../../../src/shard/heartbeat.js";
import { GAUGES } from "../../../src/shard/seat.js";

test("a shard without a beat is silent after two checks and hangs after ten; one beat is enough to recover", () => {
  const beats = new Int32Array(1);
  const heart = new Heartbeat(beats);
  const looks = (count: number): string[] => Array.from({ length: count }, () => heart.look());
  beats[0] = 1;
  expect(looks(2)).toEqual(["beats", "beats"]);
  expect(looks(8).every((pulse) => pulse === "silent")).toBe(true);
  expect(heart.look()).toBe("hung");
  beats[0] = 2;
  expect(heart.look()).toBe("beats");
});

test("when a shard ends, the metrics shown as gauges lose its part", () => {
  const gauges = metricTable.filter(({ gauge }) => gauge).flatMap(({ values }) => Object.values(values));
  expect([...GAUGES].sort()).toEqual(gauges.sort());
});
