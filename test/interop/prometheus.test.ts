/**
 * deploy/prometheus with Debian's Prometheus: the rules and their own tests, the form of /metrics, and what fires after a real scrape.
 *
 * Needs: prometheus
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { Admin } from "../support/admin.js";
import { cast } from "../support/cast.js";
import { Home } from "../support/home.js";
import { PATIENCE } from "../support/mailbox.js";
import { freePort } from "../support/ports.js";
import { peerPath } from "../support/peers.js";
import { testWith } from "../support/test-with.js";

const FOLDER = fileURLToPath(new URL("../../deploy/prometheus", import.meta.url));
const promtool = (args: readonly string[], input = ""): string => execFileSync("promtool", args, { cwd: FOLDER, input, encoding: "utf8" });

const test = testWith("prometheus");

test("SA-11 promtool finds no fault in the rules, and they fire when their tests say so, and only then", () => {
  expect(promtool(["check", "rules", "alerts.yml"])).toContain("SUCCESS");
  expect(promtool(["test", "rules", "alerts.test.yml"])).toContain("SUCCESS");
});

test("SA-11 after a real scrape the rules see an edge without a registrar, then that its registrations fail, and nothing wrong with a registrar", { timeout: 6 * PATIENCE }, async () => {
  const [edge, home] = [await Admin.choose(), await Admin.choose()];
  const { U } = await cast({ own: true, settings: { SLUICE_ADMIN_LISTEN: edge.listen, SLUICE_UPSTREAM: `sip:127.0.0.1:${await freePort()}` } });
  await Home.spawn({ SLUICE_ADMIN_LISTEN: home.listen });
  for (const admin of [edge, home]) expect(promtool(["check", "metrics"], (await admin.get("/metrics")).text)).toBe("");

  const folder = mkdtempSync(join(tmpdir(), "sluice-prometheus-"));
  const rules = readFileSync(join(FOLDER, "alerts.yml"), "utf8").replaceAll(/for: \d+m/g, "for: 1s");
  writeFileSync(join(folder, "alerts.yml"), rules);
  writeFileSync(
    join(folder, "prometheus.yml"),
    readFileSync(join(FOLDER, "prometheus.yml"), "utf8").replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s").replace(/targets: .*/, `targets: ["${edge.listen}", "${home.listen}"]`),
  );
  const port = await freePort();
  const args = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`];
  const server = spawn(peerPath("prometheus"), args, { stdio: "ignore" });
  onTestFinished(async () => {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    rmSync(folder, { recursive: true, force: true });
  });
  const query = async (what: string): Promise<readonly string[]> => {
    try {
      const { data } = (await (await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(what)}`)).json()) as { data: { result: { metric: Record<string, string> }[] } };
      return data.result.map(({ metric }) => `${metric["alertname"] ?? ""} ${metric["instance"] ?? ""}`).sort();
    } catch {
      return ["prometheus is not up yet"];
    }
  };
  await expect.poll(() => query('ALERTS{alertstate="firing"}'), { timeout: 4 * PATIENCE, interval: 200 }).toEqual([`SluiceNoUpstream ${edge.listen}`, `SluiceUpstreamTargetDown ${edge.listen}`]);
  // The first ones still try the target, of which nothing is known.
  let registers = 0;
  const failed = async (): Promise<number> => {
    for (const end = registers + 20; registers < end; registers += 1) await U.say(`REGISTER sip:example.com SIP/2.0\nCall-ID: fails-${registers}@${U.scene}\nContact: <sip:u@${U.at}>`);
    return Number(/^sluice_registrations_total\{outcome="failed"\} (\d+)$/m.exec((await edge.get("/metrics")).text)?.[1]);
  };
  await expect.poll(failed, { interval: 200 }).toBeGreaterThan(80);
  const slo = 'ALERTS{alertstate="firing", alertname=~"Sluice(Registrations|Calls)Fail.*"}';
  await expect.poll(() => query(slo), { timeout: 4 * PATIENCE, interval: 200 }).toEqual([`SluiceRegistrationsFail ${edge.listen}`, `SluiceRegistrationsFailSlowly ${edge.listen}`]);
  // The histograms of both make sense to it.
  expect(await query(`histogram_quantile(0.99, sum by (instance, le) (sluice_message_seconds_bucket{instance="${edge.listen}"})) > 0`)).toEqual([` ${edge.listen}`]);
  // Both were scraped, so that silence about the registrar is no accident.
  expect(await query('sluice_build_info{mode="standalone"} and on (instance) up == 1')).toEqual([` ${home.listen}`]);
});
