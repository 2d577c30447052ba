/** `sluice_turn_seconds`: how long the turns of the shards take, from the counters that each shard's clock writes. */
import type { Metric } from "prom-client";
import { Counter } from "../native/layout.js";

export const TURN_METRIC = "sluice_turn_seconds";
export const TURN_HELP = "How long the turns of the shards take, the waiting left out. Messages that come meanwhile wait that long.";

/** Upper bound in seconds, and the counter of the turns between the previous bound and this one. */
const STEPS: readonly (readonly [string, number])[] = [
  ["0.00025", Counter.turns250us],
  ["0.001", Counter.turns1ms],
  ["0.0025", Counter.turns2500us],
  ["0.005", Counter.turns5ms],
  ["0.01", Counter.turns10ms],
  ["0.025", Counter.turns25ms],
  ["0.1", Counter.turns100ms],
  ["+Inf", Counter.turnsLonger],
];

/** All of its counters. */
export const TURN_COUNTERS: readonly number[] = [...STEPS.map(([, which]) => which), Counter.turnNanoseconds];

/** Written as prom-client writes a histogram; it offers no way to set one from existing counts. */
export function turnHistogram(counter: (which: number) => bigint): Metric {
  const get = (): Promise<object> => {
    let count = 0;
    const buckets = STEPS.map(([le, which]) => {
      count += Number(counter(which));
      return { labels: { le }, value: count, metricName: `${TURN_METRIC}_bucket` };
    });
    const sum = { labels: {}, value: Number(counter(Counter.turnNanoseconds)) / 1e9, metricName: `${TURN_METRIC}_sum` };
    const all = { labels: {}, value: count, metricName: `${TURN_METRIC}_count` };
    return Promise.resolve({ name: TURN_METRIC, help: TURN_HELP, type: "histogram", values: [...buckets, sum, all] });
  };
  return { name: TURN_METRIC, get, reset: () => undefined } as unknown as Metric;
}
