/** The process in one page of numbers: /api/status, and once a second to every open dashboard. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter } from "../native/layout.js";
import { showShardListener } from "../native/listener-of.js";
import { version } from "../base/version.js";
import type { DrainView } from "./drain-view.js";
import type { Running } from "./running.js";
import { hexOf } from "./starts.js";

export interface Status {
  readonly version: string;
  readonly mode: string;
  /** Its number in the farm, and how many other edges are in it. */
  readonly node: number;
  readonly neighbours: number;
  readonly state: "up" | "draining";
  /** Null: it is not draining. */
  readonly drain: DrainView | null;
  readonly pid: number;
  /** Which start this is, as `sluice token` names it. */
  readonly id: string;
  /** When these numbers were read, in milliseconds since 1970: two readings give rates. */
  readonly at: number;
  readonly uptimeSeconds: number;
  readonly shards: { readonly running: number; readonly configured: number };
  readonly listeners: readonly string[];
  readonly flows: { readonly stream: number; readonly udp: number; readonly limit: number };
  readonly pending: number;
  /** Of the embedded store; null: an edge, or a Redis. */
  readonly registered: { readonly bindings: number; readonly addresses: number } | null;
  readonly upstreamTargets: number;
  readonly logLevel: string;
  readonly memoryBytes: number;
  /** Event loop delay of the main thread: 99th percentile since the last query, in milliseconds. */
  readonly loopDelayMs: number;
  /** Every shared counter, so that two readings give the rates. */
  readonly counters: Readonly<Record<string, number>>;
}

// Each look wakes an idle process.
const DELAY_SAMPLE_MS = 500;

export class StatusPage {
  readonly #running: Running;
  readonly #began = performance.now();
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_SAMPLE_MS });

  constructor(running: Running) {
    this.#running = running;
    this.#delay.enable();
  }

  read(): Status {
    const { pool, config, state, drainView, listeners, log, targetCount, farmNodes } = this.#running;
    const counters = Object.fromEntries(Object.entries(Counter).map(([name, which]) => [name, Number(pool.seats.counter(which))]));
    // A sample is the whole interval between two looks.
    const loopDelayMs = Math.max(0, Math.round(this.#delay.percentile(99) / 10_000 - DELAY_SAMPLE_MS * 100) / 100);
    this.#delay.reset();
    return {
      version: version(),
      mode: config.mode,
      node: config.node,
      neighbours: farmNodes.length,
      state,
      drain: drainView ?? null,
      pid: process.pid,
      id: hexOf(this.#running.boot),
      at: this.#running.startedAt + performance.now() - this.#began,
      uptimeSeconds: Math.floor(process.uptime()),
      shards: { running: pool.alive, configured: pool.size },
      listeners: listeners.map((listener) => showShardListener(listener, config.shards)),
      flows: { stream: counters["streamFlows"] ?? 0, udp: counters["udpFlows"] ?? 0, limit: config.maxFlows },
      pending: counters["pending"] ?? 0,
      registered: this.#registered(),
      upstreamTargets: targetCount,
      logLevel: log.level,
      memoryBytes: process.memoryUsage.rss(),
      loopDelayMs,
      counters,
    };
  }

  #registered(): Status["registered"] {
    const { store } = this.#running;
    if (store === undefined) return null;
    const { bindings, addresses } = store.counts();
    return { bindings, addresses };
  }

  close(): void {
    this.#delay.disable();
  }
}
