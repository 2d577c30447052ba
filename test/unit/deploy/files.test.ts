/** Checks deploy/ against the program: metric names, variables, log lines, paths. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { metricTable } from "../../../src/admin/metric-table.js";
import { processMetrics } from "../../../src/admin/process-metrics.js";
import { storeMetrics } from "../../../src/admin/store-metrics.js";
import { HISTORY_COUNTERS, historyMetrics } from "../../../src/admin/history-metrics.js";
import { HISTOGRAM_COUNTERS, histograms } from "../../../src/admin/histograms.js";
import { table } from "../../../src/config/table.js";
import { Counter } from "../../../src/native/layout.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, "utf8");

/** The ones that src/admin/metrics.ts adds itself. */
const OTHERS = ["build_info", "upstream_up", "bans", "certificate_expiry_timestamp_seconds"];
const NAMES = new Set([
  ...[...metricTable, ...storeMetrics, ...processMetrics, ...historyMetrics].map(({ name }) => `sluice_${name}`),
  ...OTHERS.map((name) => `sluice_${name}`),
  ...histograms.flatMap(({ name }) => ["bucket", "sum", "count"].map((end) => `${name}_${end}`)),
]);

function metricsIn(text: string): readonly string[] {
  return [...new Set(text.match(/\bsluice_[a-z0-9_]+\b/g) ?? [])];
}

describe("deploy/", () => {
  test("SA-11 every counter is a metric, once", () => {
    const used = [...metricTable.flatMap(({ values }) => Object.values(values)), ...HISTOGRAM_COUNTERS, ...HISTORY_COUNTERS];
    expect([...used].sort((one, other) => one - other)).toEqual(Object.values(Counter).sort((one, other) => one - other));
  });

  test("SA-11 metric names follow the conventions: counters end in _total, gauges do not", () => {
    for (const { name, gauge } of [...storeMetrics, ...processMetrics, ...historyMetrics]) expect(name.endsWith("_total"), name).toBe(gauge !== true);
    for (const { name, gauge, values, label } of metricTable) {
      expect(name.endsWith("_total"), name).toBe(gauge !== true);
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(Object.keys(values).length > 1, name).toBe(label !== undefined);
    }
    expect(read("src/admin/metrics.ts")).toContain("certificate_expiry_timestamp_seconds");
    for (const name of OTHERS) expect(read("src/admin/metrics.ts"), name).toContain(name);
  });

  for (const file of ["deploy/grafana/sluice.json", "deploy/prometheus/alerts.yml"]) {
    test(`SA-11 ${file} names only existing metrics, labels and values`, () => {
      const text = read(file);
      const metrics = metricsIn(text.replaceAll('\\"', '"')).filter((name) => !["sluice_build"].includes(name));
      expect(metrics.length).toBeGreaterThan(5);
      for (const name of metrics) expect(NAMES.has(name), name).toBe(true);
      for (const [, name = "", label = "", value = ""] of text.replaceAll('\\"', '"').matchAll(/sluice_(\w+)\{(?:instance=~"\$instance",)?(\w+)(?:=~?)"([^"$]+)"\}/g)) {
        if (OTHERS.includes(name)) continue;
        const histogram = histograms.find((one) => `${one.name}_bucket` === `sluice_${name}`);
        if (histogram !== undefined) {
          expect(label, name).toBe("le");
          expect(histogram.steps.map(([le]) => le), name).toContain(value);
          continue;
        }
        const row = metricTable.find((one) => one.name === name);
        expect(row?.label, `${name}{${label}}`).toBe(label);
        for (const one of value.split("|")) expect(Object.keys(row?.values ?? {}), `${name}{${label}="${value}"}`).toContain(one);
      }
    });
  }

  test("each alert has a runbook; those, and those of the panels, are headings of the documentation", () => {
    const text = read("deploy/prometheus/alerts.yml");
    const runbooks = [...text.matchAll(/^ +runbook: (\S+)#(\S+)$/gm)];
    expect(runbooks).toHaveLength(text.match(/- alert:/g)?.length ?? 0);
    const ofPanels = [...read("deploy/grafana/sluice.json").matchAll(/(docs\/[\w./-]+)#([\w-]+)/g)];
    expect(ofPanels.length).toBeGreaterThan(3);
    for (const [, file = "", anchor = ""] of [...runbooks, ...ofPanels]) {
      const anchors = [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-"));
      expect(anchors, `${file}#${anchor}`).toContain(anchor);
    }
  });

  test("SA-8 systemd does not start again what a bad configuration ended", () => {
    const unit = read("deploy/systemd/sluice.service");
    expect(unit).toContain("RestartPreventExitStatus=78");
    // That rule counts for the main process only.
    expect(unit).not.toContain("ExecStartPre");
  });

  test.skipIf(spawnSync("systemd-analyze", ["--version"]).error !== undefined)("SA-8 systemd finds no fault with the unit, nor with what may be added to it", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-unit-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(`${ROOT}deploy/systemd/sluice.service`, join(folder, "sluice.service"));
    const verify = (): object => {
      const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, "sluice.service")], { encoding: "utf8" });
      return { status, said: stdout + stderr };
    };
    expect(verify()).toEqual({ status: 0, said: "" });
    for (const name of ["keeper.conf", "upgrade-on-reload.conf"]) cpSync(`${ROOT}deploy/systemd/${name}`, join(folder, "sluice.service.d", name));
    expect(verify()).toEqual({ status: 0, said: "" });
    writeFileSync(join(folder, "sluice.service.d/broken.conf"), "[Service]\nNotifyAcces=all\nType=sometimes\n");
    expect(verify()).not.toEqual({ status: 0, said: "" });
  });

  test("variables set by the files exist in the table", () => {
    const names = new Set<string>(Object.values(table).map(({ name }) => name));
    const own = new Set(["SLUICE_PUBLIC"]);
    for (const file of ["deploy/systemd/sluice.service", "deploy/docker/Dockerfile", "deploy/docker/compose.yaml", "deploy/kubernetes/sluice.yaml", ...readdirSync(`${ROOT}docs/operate`).map((name) => `docs/operate/${name}`)]) {
      for (const name of read(file).match(/\bSLUICE_[A-Z0-9_]+\b/g) ?? []) expect(names.has(name) || own.has(name) || name === "SLUICE_PROBE_PASSWORD", `${file}: ${name}`).toBe(true);
    }
  });

  test("links in docs/operate lead somewhere", () => {
    for (const name of readdirSync(`${ROOT}docs/operate`).filter((file) => file.endsWith(".md"))) {
      for (const [, link = ""] of read(`docs/operate/${name}`).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        expect(existsSync(`${ROOT}docs/operate/${link}`), `${name}: ${link}`).toBe(true);
      }
    }
  });
});
