/** docs/operate/metrics.md, generated from the table of metrics. */
import { metricTable } from "./metric-table.js";
import { storeMetrics } from "./store-metrics.js";
import { histograms } from "./histograms.js";
import { historyMetrics } from "./history-metrics.js";
import { processMetrics } from "./process-metrics.js";

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
    ...[...processMetrics, ...historyMetrics].map(({ name, help, gauge, label, labels }) => `| \`sluice_${name}\` | ${gauge ? "gauge" : "counter"} | ${label === undefined ? "" : `\`${label}\`: ${labels ?? ""}`} | ${help} |`),
    ...storeMetrics.map(({ name, help, gauge }) => `| \`sluice_${name}\` | ${gauge ? "gauge" : "counter"} | | ${help} |`),
    "| `sluice_upstream_up` | gauge | `target`: transport:address:port, at most 64 | Whether an upstream target answers. |",
    "| `sluice_farm_node_up` | gauge | `node`: its number in `SLUICE_FARM` | Whether another edge of the farm answers. |",
    "| `sluice_certificate_expiry_timestamp_seconds` | gauge | `file` | When a certificate expires. |",
    "| `sluice_bans` | gauge | | Addresses and networks that are banned now, at most 4,096. |",
    "| `sluice_build_info` | gauge | `version`, `node`, `mode` | Always 1. |",
    "| `process_*`, `nodejs_*` | | | The process and Node, from prom-client. |",
    "",
    "Watch first: `sluice_flows` (a sudden drop means that a network failed), `sluice_refusals_total{code=\"430\"}` (calls to dead flows),",
    "`sluice_registrations_total{outcome=\"failed\"}` (the registrar, the store or the way to them), `sluice_flows_ended_total` by reason.",
    "",
    "Whatever is kept for the operator has a bound, a size and a count of what had to go: `sluice_ended_flows`, `sluice_refused_sources`,",
    "`sluice_history_bytes`, `sluice_flow_owners`, `sluice_nonces`, and what ends in `_forgotten_total`, `_lost_total` or `_gaps_total`. Where that",
    "rises, the list looks back less far than it says.",
    "",
  ].join("\n");
}
