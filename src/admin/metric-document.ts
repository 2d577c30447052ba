/** docs/operate/metrics.md, made from the table of metrics. */
import { metricTable } from "./metric-table.js";

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
    "`/metrics` sums the counters of all shards out of shared memory at the moment of the scrape: counting costs no message anything. No label holds",
    "what a stranger can choose. `deploy/grafana/sluice.json` draws them, `deploy/prometheus/alerts.yml` says what should wake somebody.",
    "",
    "| metric | type | label | meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    "| `sluice_upstream_up` | gauge | `target`: transport:address:port, at most 64 | Whether a target of the upstream answers. |",
    "| `sluice_certificate_expiry_timestamp_seconds` | gauge | `listener` | When the certificate of a listener ends. |",
    "| `sluice_build_info` | gauge | `version`, `node`, `mode` | 1. |",
    "| `sluice_shards_running`, `sluice_draining`, `sluice_flows_limit`, `sluice_traces_active` | gauge | | The process. |",
    "| `process_*`, `nodejs_*` | | | Of the process and of Node, by prom-client. |",
    "",
    "Read first: `sluice_flows` (a step down is an outage of somebody's network), `sluice_refusals_total{code=\"430\"}` (calls to flows that died),",
    "`sluice_registers_total` (relayed far above accepted: the registrar refuses), `sluice_flows_ended_total` by reason.",
    "",
  ].join("\n");
}
