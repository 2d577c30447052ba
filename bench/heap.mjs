/** What a million relayed messages allocate on Sluice's JavaScript heaps, and the garbage collections they cause. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ROOT, fail } from "../scripts/lib/run.mjs";
import { EDGES, SLUICE_MAIN, sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { runLoad } from "./lib/load.mjs";
import { save } from "./lib/results.mjs";

const { values: args } = parseArgs({
  options: {
    client: { type: "string", default: "udp" },
    core: { type: "string", default: "udp" },
    workload: { type: "string", default: "register" },
    messages: { type: "string", default: "1000000" },
    flows: { type: "string", default: "1000" },
    // Any program that understands the SLUICE_ variables.
    main: { type: "string", default: SLUICE_MAIN },
  },
});

const missing = args.main === SLUICE_MAIN ? EDGES.sluice.missing() : undefined;
if (missing !== undefined) fail(missing);

// More room for young objects than any run fills: as long as nothing is collected, growth is the sum of all allocations.
const young = ["--max-semi-space-size=64", "--min-semi-space-size=64"];
const command = [...young, "--import", join(ROOT, "bench/lib/heap-probe.mjs"), args.main];
const environment = sluiceEnvironment(args.client, args.core);
const edge = await startPinned("sluice-heap", process.execPath, command, environment, args.client, "ipc");
try {
  const warm = await relay(300_000);
  const before = await report();
  await sleep(1000);
  const still = await report();
  const relayed = await relay(Number(args.messages));
  const after = await report();
  const rows = after.map((thread) => {
    const at = (reports) => reports.find((other) => other.thread === thread.thread) ?? thread;
    const growth = thread.used - at(still).used;
    return {
      thread: thread.main ? "main" : `worker ${thread.thread}`,
      idle_second: at(still).used - at(before).used,
      growth,
      per_message: growth / relayed,
      collections: thread.gcs - at(still).gcs,
      gc_ms: thread.gc_ms - at(still).gc_ms,
    };
  });
  const what = `${args.workload}, ${args.client} to ${args.core}`;
  process.stdout.write(`\n${relayed} messages (${what}) after ${warm} to warm up\n`);
  const header = ["thread", "octets in an idle second", "octets grown", "octets/message", "collections", "ms in them"];
  const cells = ({ thread, idle_second, growth, per_message, collections, gc_ms }) =>
    [thread, idle_second, growth, fixed(per_message, 3), collections, fixed(gc_ms, 1)];
  process.stdout.write(`${table(header, rows.map(cells))}\n`);
  save("heap", { settings: args, relayed, threads: rows });
} finally {
  await edge.stop();
}

/** Relays at least this many messages, in runs of three seconds. */
async function relay(wanted) {
  let relayed = 0;
  while (relayed < wanted) {
    const { client, core, workload, flows } = args;
    const run = await runLoad({ client, "core-leg": core, workload, flows, seconds: 3, pid: edge.pid });
    if (run === undefined || run.done === 0) fail(`no message got through; see ${edge.log}`);
    relayed += 2 * run.done_in_all;
  }
  return relayed;
}

/** Asks all threads, and collects what they report within a short time. */
async function report() {
  const reports = [];
  const collect = (message) => reports.push(message);
  edge.child.on("message", collect);
  edge.child.send("report");
  await sleep(500);
  edge.child.off("message", collect);
  return reports.sort((a, b) => a.thread - b.thread);
}
