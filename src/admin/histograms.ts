/** The histograms: from counters that the shards write. */
import type { Metric } from "prom-client";
import { Counter } from "../native/layout.js";

export interface Histogram {
  readonly name: string;
  readonly help: string;
  /** Upper bound in seconds, and the counter of what lies between the previous bound and this one. */
  readonly steps: readonly (readonly [le: string, counter: number])[];
  /** The sum, in nanoseconds. */
  readonly nanoseconds: number;
}

export const histograms: readonly Histogram[] = [
  {
    name: "sluice_turn_seconds",
    help: "How long the turns of the shards take, the waiting left out. Messages that come meanwhile wait that long.",
    steps: [
      ["0.00025", Counter.turns250us],
      ["0.001", Counter.turns1ms],
      ["0.0025", Counter.turns2500us],
      ["0.005", Counter.turns5ms],
      ["0.01", Counter.turns10ms],
      ["0.025", Counter.turns25ms],
      ["0.1", Counter.turns100ms],
      ["+Inf", Counter.turnsLonger],
    ],
    nanoseconds: Counter.turnNanoseconds,
  },
  {
    name: "sluice_message_seconds",
    help: "How long messages are in the hands of a shard, from reading to sending: each counts with the whole turn that it is part of.",
    steps: [
      ["0.00025", Counter.messages250us],
      ["0.001", Counter.messages1ms],
      ["0.0025", Counter.messages2500us],
      ["0.005", Counter.messages5ms],
      ["0.01", Counter.messages10ms],
      ["0.025", Counter.messages25ms],
      ["0.1", Counter.messages100ms],
      ["+Inf", Counter.messagesLonger],
    ],
    nanoseconds: Counter.messageNanoseconds,
  },
  {
    name: "sluice_upstream_answer_seconds",
    help: "How long the core takes until its first response to a relayed request, provisional ones included; a sample of at most 320 a second for each shard.",
    steps: [
      ["0.0025", Counter.answers2500us],
      ["0.005", Counter.answers5ms],
      ["0.01", Counter.answers10ms],
      ["0.025", Counter.answers25ms],
      ["0.05", Counter.answers50ms],
      ["0.1", Counter.answers100ms],
      ["0.25", Counter.answers250ms],
      ["0.5", Counter.answers500ms],
      ["1", Counter.answers1s],
      ["2.5", Counter.answers2500ms],
      ["+Inf", Counter.answersLonger],
    ],
    nanoseconds: Counter.answerNanoseconds,
  },
];

/** All of their counters. */
export const HISTOGRAM_COUNTERS: readonly number[] = histograms.flatMap(({ steps, nanoseconds }) => [...steps.map(([, which]) => which), nanoseconds]);

/** Written as prom-client writes a histogram; it offers no way to set one from existing counts. */
export function histogramMetric({ name, help, steps, nanoseconds }: Histogram, counter: (which: number) => bigint): Metric {
  const get = (): Promise<object> => {
    let count = 0;
    const buckets = steps.map(([le, which]) => {
      count += Number(counter(which));
      return { labels: { le }, value: count, metricName: `${name}_bucket` };
    });
    const sum = { labels: {}, value: Number(counter(nanoseconds)) / 1e9, metricName: `${name}_sum` };
    const all = { labels: {}, value: count, metricName: `${name}_count` };
    return Promise.resolve({ name, help, type: "histogram", values: [...buckets, sum, all] });
  };
  return { name, get, reset: () => undefined } as unknown as Metric;
}
