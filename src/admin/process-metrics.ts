/** The metrics that the main thread reads from the process: its state, and the tables that the shards share, each with its size and what it lost. */
import { lostLines } from "../observe/log-sink.js";
import { Counter } from "../native/layout.js";
import { storeIsUp } from "./health.js";
import type { Running } from "./running.js";

export interface RunningMetric {
  /** Without the prefix "sluice_". */
  readonly name: string;
  readonly help: string;
  readonly gauge?: true;
  /** Only where bindings are kept: without a label an edge would show 0, which means something else. */
  readonly home?: true;
  readonly label?: string;
  /** What the documentation says about its values. */
  readonly labels?: string;
  /** By the value of the label; "": none. */
  readonly read: (running: Running) => readonly (readonly [label: string, value: number])[];
}

const gauge = (name: string, help: string, value: (running: Running) => number): RunningMetric => ({ name, help, gauge: true, read: (running) => [["", value(running)]] });
const counter = (name: string, help: string, value: (running: Running) => number): RunningMetric => ({ name, help, read: (running) => [["", value(running)]] });

export const processMetrics: readonly RunningMetric[] = [
  gauge("shards_running", "Shards that run and answer now.", ({ pool }) => pool.alive),
  counter("shard_restarts_total", "Shards that ended or hung and were started again.", ({ pool }) => pool.restarts),
  {
    name: "shard_messages_received_total",
    help: "Requests and responses that each shard has read from its own sockets.",
    label: "shard",
    labels: "0 and up",
    read: ({ pool }) => Array.from({ length: pool.size }, (_, shard) => [String(shard), Number(pool.seats.of(shard).counter(Counter.requestsIn) + pool.seats.of(shard).counter(Counter.responsesIn))]),
  },
  { name: "upgrades_total", help: "Upgrades of this process and of those before it that it took over from.", label: "result", labels: "done; failed: the old process went on; refused: it did not begin", read: ({ upgrades }) => Object.entries(upgrades) },
  gauge("keeper_up", "1 while a keeper holds what must outlive a crash; 0 also without `SLUICE_KEEPER`.", ({ keeper }) => Number(keeper?.isUp ?? false)),
  counter("crashes_total", "Crashes since the keeper began, after which it started the server again.", ({ keeper }) => keeper?.crashes ?? 0),
  gauge("draining", "1 from the beginning of a drain on.", ({ state }) => Number(state === "draining")),
  gauge("drain_seconds", "Seconds until the drain is done, at the latest; it stands still during a pause.", ({ drainView }) => drainView?.seconds ?? 0),
  gauge("flows_limit", "`SLUICE_MAX_FLOWS`.", ({ config }) => config.maxFlows),
  { name: "store_up", help: "1 while the location store, embedded or Redis, can be reached and written (registrar, standalone).", gauge: true, home: true, read: (running) => [["", Number(storeIsUp(running))]] },
  gauge("flow_owners", "Flows, open ones and past ones, of which it is known who registered over them.", ({ pool }) => pool.flowOwners().known),
  gauge("flow_owners_bytes", "Octets of these.", ({ pool }) => pool.flowOwners().octets),
  counter("flow_owners_forgotten_total", "Such flows forgotten because the table was full, the oldest first.", ({ pool }) => pool.flowOwners().forgotten),
  gauge("nonces", "Nonces of digest authentication whose counts are remembered.", ({ pool }) => pool.nonces().held),
  counter("nonces_forgotten_total", "Such nonces that made room for newer ones; their clients are challenged again.", ({ pool }) => pool.nonces().evicted),
  gauge("traces_active", "Traces that copy messages now.", ({ tracer }) => tracer.active.length),
  counter("capture_unwritten_total", "Captured messages that could not be sent to the HEP server or written to the file.", ({ capturesLost }) => capturesLost),
  counter("log_lines_lost_total", "Log lines that could not be written: a full disk, or a pipe that nobody reads.", lostLines),
];
