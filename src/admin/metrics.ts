/** /metrics: the counters of all shards, read from shared memory when scraped. Counting an event costs nothing here. */
import { Counter as PromCounter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { Running, StoreView } from "./running.js";
import { storeMetrics } from "./store-metrics.js";
import type { UpstreamRow } from "../native/inspect.js";
import { type MetricRow, metricTable } from "./metric-table.js";
import { histogramMetric, histograms } from "./histograms.js";
import { historyMetrics } from "./history-metrics.js";
import { type RunningMetric, processMetrics } from "./process-metrics.js";

const PREFIX = "sluice_";

export class Metrics {
  readonly #registry = new Registry();
  readonly #running: Running;

  /** `bans`: how many there are. */
  constructor(running: Running, version: string, bans: () => number) {
    this.#running = running;
    // Its histogram of the loop's delay wakes an idle process a hundred times a second and holds the interval itself: one figure is enough.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 10_000 });
    for (const part of ["min", "max", "mean", "stddev", "p50", "p90", "p99"]) this.#registry.removeSingleMetric(`nodejs_eventloop_lag_${part}_seconds`);
    // Gauges with the name of a counter, which the sums of these by type say as well.
    for (const kind of ["handles", "requests", "resources"]) this.#registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    for (const row of metricTable) this.#add(row);
    this.#gauge("build_info", "Version of the program and of Node.", { version, node: process.versions.node, mode: running.config.mode }, () => 1);
    this.#gauge("bans", "Addresses and networks that are banned now.", {}, bans);
    if (running.store !== undefined) this.#store(running.store);
    for (const histogram of histograms) this.#registry.registerMetric(histogramMetric(histogram, (which) => running.pool.seats.counter(which)));
    for (const metric of [...processMetrics, ...historyMetrics]) if (metric.home !== true || running.config.mode !== "edge") this.#labelled(metric);
    this.#upstreams();
    this.#certificates();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #add({ name, help, gauge, label, values }: MetricRow): void {
    const { pool } = this.#running;
    const labelNames = label === undefined ? [] : [label];
    const read = (set: (labels: Record<string, string>, value: number) => void): void => {
      for (const [value, counter] of Object.entries(values)) set(label === undefined ? {} : { [label]: value }, Number(pool.seats.counter(counter)));
    };
    const common = { name: PREFIX + name, help, labelNames, registers: [this.#registry] };
    if (gauge) {
      new Gauge({
        ...common,
        collect() {
          read((labels, value) => this.set(labels, value));
        },
      });
    } else {
      new PromCounter({
        ...common,
        collect() {
          this.reset();
          read((labels, value) => this.inc(labels, value));
        },
      });
    }
  }

  #counter(name: string, help: string, value: () => number): void {
    new PromCounter({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  }

  #gauge(name: string, help: string, labels: Record<string, string>, value: () => number): void {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: Object.keys(labels),
      registers: [this.#registry],
      collect() {
        this.set(labels, value());
      },
    });
  }

  #labelled({ name, help, gauge, label, read }: RunningMetric): void {
    const running = this.#running;
    const common = { name: PREFIX + name, help, labelNames: label === undefined ? [] : [label], registers: [this.#registry] };
    const each = (set: (labels: Record<string, string>, value: number) => void): void => {
      for (const [value, number] of read(running)) set(label === undefined ? {} : { [label]: value }, number);
    };
    if (gauge) {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          each((labels, value) => this.set(labels, value));
        },
      });
    } else {
      new PromCounter({
        ...common,
        collect() {
          this.reset();
          each((labels, value) => this.inc(labels, value));
        },
      });
    }
  }

  #store(store: StoreView): void {
    for (const { name, help, gauge, value } of storeMetrics) {
      if (gauge) this.#gauge(name, help, {}, () => value(store));
      else this.#counter(name, help, () => value(store));
    }
  }

  /** At most 64 targets, all chosen by the operator: safe as a label. */
  #upstreams(): void {
    this.#targets("upstream_up", "Whether a target of the upstream answers, as the first shard knows it.", "target", ({ node, transport, address, port }) =>
      node === undefined ? `${transport}:${address}:${port}` : undefined,
    );
    this.#targets("farm_node_up", "Whether another edge of the farm answers, as the first shard knows it.", "node", ({ node }) => node);
  }

  /** `nameOf`: undefined for those that the gauge leaves out. */
  #targets(name: string, help: string, label: string, nameOf: (target: UpstreamRow) => string | number | undefined): void {
    const { pool } = this.#running;
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      async collect() {
        const targets = await pool.inquiries.askAny({ kind: "upstreams" }).catch(() => []);
        this.reset();
        for (const target of targets) {
          const shown = nameOf(target);
          if (shown !== undefined) this.set({ [label]: shown }, Number(target.alive && target.spoken));
        }
      },
    });
  }

  #certificates(): void {
    const running = this.#running;
    new Gauge({
      name: `${PREFIX}certificate_expiry_timestamp_seconds`,
      help: "When a certificate ends.",
      labelNames: ["file"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { file, notAfter } of running.certificates()) this.set({ file }, Date.parse(notAfter) / 1_000);
      },
    });
  }
}
