/**
 * A million bindings: how much memory, how long a start takes, and what all of them expiring at once does to the turns of the shard.
 * `npm run bench -- million [--bindings 1000000] [--expires 60] [--apart 0]`
 *
 * A turn is timed by the clock, so it counts what else ran on its processor; of most long ones the server says whether it worked or waited. With `--apart 1` nothing else of the server does: the shard's thread
 * keeps its processor, and all other threads share the one of the load. In either case the kernel says how long that thread waited for it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { EDGE_PORT } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { memoryOf } from "./lib/process-family.mjs";
import { busiestThread, threadsOf, WaitWatch } from "./lib/thread-waits.mjs";
import { runHomeLoads, sluiceRegistrar } from "./lib/registrars.mjs";
import { OUT } from "./lib/tools.mjs";

const { values: args } = parseArgs({ options: { bindings: { type: "string", default: "1000000" }, expires: { type: "string", default: "60" }, apart: { type: "string", default: "0" } } });
const BINDINGS = Number(args.bindings);
const PLANE = `127.0.0.1:${EDGE_PORT + 9}`;
const env = { SLUICE_ADMIN_LISTEN: PLANE, SLUICE_EXPIRES_JITTER: "0", SLUICE_MAX_BINDINGS: String(BINDINGS * 2) };
mkdirSync(OUT, { recursive: true });
const folder = mkdtempSync(join(OUT, "million-"));
const rows = [];

const metrics = async () => (await fetch(`http://${PLANE}/metrics`)).text();
const value = (text, name) => Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, "m").exec(text)?.[1] ?? Number.NaN);
const longTurns = (text) => Object.fromEntries([...text.matchAll(/^sluice_long_turns_total\{.*?cause="(\w+)".*?\} (\d+)/gm)].map(([, cause, count]) => [cause, Number(count)]));
const turns = (text) => [...text.matchAll(/^sluice_turn_seconds_bucket\{.*?le="([^"]+)".*?\} (\d+)/gm)].map(([, limit, count]) => [limit, Number(count)]);

try {
  const empty = await started(folder);
  let server = empty.server;
  const before = memoryOf(server.pid);
  const [first] = await runHomeLoads({ workload: "first", aors: BINDINGS / 2, flows: 2, expires: 3_600, window: 256, pid: server.pid });
  rows.push(["registered", `${first.wrong + first.lost} refused or lost, ${fixed(first.rate, 0)} a second, ${fixed(first.cpu_us, 1)} us of CPU each`]);
  // What a server allocates once does not count, so the first tenth is left out (home_load.cc).
  rows.push(["memory a binding", `${fixed(first.octets_a_binding, 0)} octets, with what the process grows by besides ${fixed(((memoryOf(server.pid) - before) * 1_024) / BINDINGS, 0)}`]);
  server.child.kill("SIGKILL");
  await server.stop();

  const full = await started(folder);
  server = full.server;
  rows.push(["start after kill -9", `${fixed(full.seconds, 2)} s, without a binding ${fixed(empty.seconds, 2)} s`]);
  rows.push(["bindings then", value(await metrics(), "sluice_location_bindings")]);

  await runHomeLoads({ workload: "first", aors: BINDINGS / 2, flows: 2, expires: args.expires, window: 256, pid: server.pid });
  const shard = busiestThread(server.pid);
  if (args.apart === "1") for (const thread of threadsOf(server.pid)) if (thread !== shard) spawnSync("taskset", ["-cp", "1", thread]);
  const begin = turns(await metrics());
  const longBefore = longTurns(await metrics());
  const waits = new WaitWatch(server.pid, shard);
  await sleep((Number(args.expires) + 30) * 1_000);
  const { cpu, times, waited, longest } = waits.stop();
  const text = await metrics();
  rows.push(["bindings after they expired", value(text, "sluice_location_bindings")]);
  const count = Object.fromEntries(turns(text).map(([limit, of], index) => [limit, of - begin[index][1]]));
  rows.push(["turns meanwhile", `${count["+Inf"]}, longer than 5 ms: ${count["+Inf"] - count["0.005"]}`]);
  const long = Object.entries(longTurns(text)).map(([cause, of]) => `${cause} ${of - (longBefore[cause] ?? 0)}`);
  rows.push(["of the long ones, by cause", long.join(", ")]);
  rows.push(["the shard's thread meanwhile", `${fixed(cpu, 1)} s of CPU; ready ${times} times, waited ${fixed(waited * 1_000, 1)} ms for a processor in all, at most ${fixed(longest * 1_000, 1)} ms in 10 ms`]);
  await server.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(table(["what", "figure"], rows));

/** With the seconds until the admin plane says that it is ready. */
async function started(state) {
  const began = performance.now();
  const server = await sluiceRegistrar({ folder: state, env });
  for (;;) {
    const ready = await fetch(`http://${PLANE}/readyz`).catch(() => undefined);
    if (ready?.ok) return { server, seconds: (performance.now() - began) / 1_000 };
    await sleep(10);
  }
}
