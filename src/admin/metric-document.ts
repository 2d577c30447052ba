/** docs/operate/metrics.md, generated from the table of metrics. */
import { metricTable } from "./metric-table.js";
import { storeMetrics } from "./store-metrics.js";
import { histograms } from "./histograms.js";
import { historyMetrics } from "./history-metrics.js";

export function metricsDocument(): string {
  const rows = metricTable.map(({ name, help, gauge, label, values }) => {
    const labels = label === undefined ? "" : `\`${label}\`: ${Object.keys(values).join(", ")}`;
    return `| \`sluice_${name}\` | ${gauge ? "gauge" : "counter"} | ${labels} | ${help} |`;
  });
  return [
    "# Metrics",
    "",
    "<!-- Made by `npm run docs` from src/admin/metric-table.ts: do not edit. -->",
    "",
    "`/metrics` adds up the counters of all shards from shared memory when it is scraped; counting costs the messages nothing. No label holds",
    "a value that a stranger can choose. `deploy/grafana/sluice.json` draws them, `deploy/prometheus/alerts.yml` defines what should wake someone.",
    "",
    "| metric | type | label | meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    ...histograms.map(({ name, help }) => `| \`${name}\` | histogram | | ${help} |`),
    ...historyMetrics.map(({ name, help, gauge, label, labels }) => `| \`sluice_${name}\` | ${gauge ? "gauge" : "counter"} | ${label === undefined ? "" : `\`${label}\`: ${labels ?? ""}`} | ${help} |`),
    ...storeMetrics.map(({ name, help, gauge }) => `| \`sluice_${name}\` | ${gauge ? "gauge" : "counter"} | | ${help} |`),
    "| `sluice_store_up` | gauge | | 1 while the location store, embedded or Redis, can be reached and written (registrar, standalone). |",
    "| `sluice_upstream_up` | gauge | `target`: transport:address:port, at most 64 | Whether an upstream target answers. |",
    "| `sluice_certificate_expiry_timestamp_seconds` | gauge | `file` | When a certificate expires. |",
    "| `sluice_build_info` | gauge | `version`, `node`, `mode` | Always 1. |",
    "| `sluice_shards_running`, `sluice_draining`, `sluice_flows_limit`, `sluice_traces_active` | gauge | | State of the process. |",
    "| `sluice_shard_restarts_total` | counter | | Shards that ended or hung and were started again. |",
    "| `sluice_log_lines_lost_total` | counter | | Log lines that could not be written: a full disk, or a pipe that nobody reads. |",
    "| `sluice_capture_unwritten_total` | counter | | Captured messages that could not be sent to the HEP server or written to the file. |",
    "| `process_*`, `nodejs_*` | | | The process and Node, from prom-client. |",
    "",
    "Watch first: `sluice_flows` (a sudden drop means that a network failed), `sluice_refusals_total{code=\"430\"}` (calls to dead flows),",
    "`sluice_registers_total` (far above `sluice_registers_accepted_total` means that the registrar refuses), `sluice_flows_ended_total` by reason.",
    "",
  ].join("\n");
}
