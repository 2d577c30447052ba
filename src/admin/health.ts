/** /livez and /readyz: whether the process is alive, and whether it should get traffic. */
import type { Running } from "./running.js";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Failures that only a new process cures: a shard that cannot be restarted or does not end. */
export function liveness({ pool }: Running): readonly Check[] {
  const { ills } = pool.seats;
  return [{ name: "shards", ok: ills.length === 0, detail: ills.length === 0 ? "all live" : ills.join(", ") }];
}

/** As the shards and the embedded store find it. */
export function storeIsUp({ pool, store }: Running): boolean {
  return pool.storeIsUp && store?.isUp !== false;
}

export async function readiness(running: Running): Promise<readonly Check[]> {
  const { pool, state, targetCount, config } = running;
  const upstreams = await pool.inquiries.askAny({ kind: "upstreams" }).catch(() => []);
  // One that has sent nothing yet is tried, but it is unknown whether it is alive.
  const alive = upstreams.filter(({ node, alive, spoken }) => node === undefined && alive && spoken).length;
  // A process with its own registrar needs no upstream.
  const needsUpstream = config.mode === "edge";
  const hasStore = storeIsUp(running);
  return [
    { name: "shards", ok: pool.alive === pool.size, detail: `${pool.alive} of ${pool.size} run` },
    { name: "not draining", ok: state === "up", detail: state },
    ...(needsUpstream ? [] : [{ name: "location store", ok: hasStore, detail: hasStore ? "reached" : "away" }]),
    ...(needsUpstream ? [{ name: "upstream", ok: alive > 0, detail: `${alive} of ${targetCount} targets answer` }] : []),
  ];
}

export function healthText(checks: readonly Check[], verbose: boolean): string {
  const lines = checks.map(({ name, ok, detail }) => `[${ok ? "+" : "-"}] ${name}: ${detail}`);
  const summary = checks.every(({ ok }) => ok) ? "ok" : "not ready";
  const shown = verbose ? lines : lines.filter((_, at) => !checks[at]?.ok);
  return `${[...shown, summary].join("\n")}\n`;
}
