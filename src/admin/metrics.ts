/** /metrics: the counters of all shards, read from shared memory when scraped. Counting an event costs nothing here. */
import { Counter as PromCounter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import { lostLines } from "../observe/log-sink.js";
import { storeIsUp } from "./health.js";
import type { Running, StoreView } from "./running.js";
import { storeMetrics } from "./store-metrics.js";
import { type MetricRow, metricTable } from "./metric-table.js";
import { histogramMetric, histograms } from "./histograms.js";
import { type HistoryMetric, historyMetrics } from "./history-metrics.js";

const PREFIX = "sluice_";

export class Metrics {
  readonly #registry = new Registry();
  readonly #running: Running;

  constructor(running: Running, version: string) {
    this.#running = running;
    // Its histogram of the loop's delay wakes an idle process a hundred times a second and holds the interval itself: one figure is enough.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 10_000 });
    for (const part of ["min", "max", "mean", "stddev", "p50", "p90", "p99"]) this.#registry.removeSingleMetric(`nodejs_eventloop_lag_${part}_seconds`);
    // Gauges with the name of a counter, which the sums of these by type say as well.
    for (const kind of ["handles", "requests", "resources"]) this.#registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    for (const row of metricTable) this.#add(row);
    this.#gauge("build_info", "Version of the program and of Node.", { version, node: process.versions.node, mode: running.config.mode }, () => 1);
    this.#gauge("shards_running", "Shards that run and answer now.", {}, () => running.pool.alive);
    this.#counter("shard_restarts_total", "Shards that ended or hung and were started again.", () => running.pool.restarts);
    this.#counter("log_lines_lost_total", "Log lines that could not be written: a full disk, or a pipe that nobody reads.", lostLines);
    this.#gauge("flow_owners", "Flows, open ones and past ones, of which is known who registered over them.", {}, () => running.pool.flowOwners().known);
    this.#gauge("flow_owners_bytes", "Octets of these.", {}, () => running.pool.flowOwners().octets);
    this.#counter("flow_owners_forgotten_total", "Such flows forgotten because the table was full, the oldest first.", () => running.pool.flowOwners().forgotten);
    this.#counter("capture_unwritten_total", "Captured messages that could not be sent to the HEP server or written to the file.", () => running.capturesLost);
    this.#gauge("draining", "1 from the beginning of a drain on.", {}, () => Number(running.state === "draining"));
    this.#gauge("flows_limit", "SLUICE_MAX_FLOWS.", {}, () => running.config.maxFlows);
    this.#gauge("traces_active", "Traces that copy messages now.", {}, () => running.tracer.active.length);
    if (running.config.mode !== "edge") this.#gauge("store_up", "1 while the location store, embedded or Redis, can be reached and written.", {}, () => Number(storeIsUp(running)));
    if (running.store !== undefined) this.#store(running.store);
    for (const histogram of histograms) this.#registry.registerMetric(histogramMetric(histogram, (which) => running.pool.counter(which)));
    for (const metric of historyMetrics) this.#labelled(metric);
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
      for (const [value, counter] of Object.entries(values)) set(label === undefined ? {} : { [label]: value }, Number(pool.counter(counter)));
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

  #labelled({ name, help, gauge, label, read }: HistoryMetric): void {
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
    const { pool } = this.#running;
    new Gauge({
      name: `${PREFIX}upstream_up`,
      help: "Whether a target of the upstream answers, as the first shard knows it.",
      labelNames: ["target"],
      registers: [this.#registry],
      async collect() {
        const targets = await pool.askAny({ kind: "upstreams" }).catch(() => []);
        this.reset();
        for (const { transport, address, port, alive, spoken } of targets) this.set({ target: `${transport}:${address}:${port}` }, Number(alive && spoken));
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
