/** Flows of all shards, as the operator sees them: listed, searched, one by its name, and how the last ones ended. */
import { isIP } from "node:net";
import { orderOf } from "../base/columns.js";
import { splitHostPort } from "../config/host-port.js";
import type { ShardListener } from "../native/shard-settings.js";
import { listenerOf } from "../native/listener-of.js";
import type { AorRow, FlowEndRow, FlowFilter, FlowRow, SurveyRow } from "../native/inspect.js";
import { FlowFlag } from "../native/layout.js";
import { REASONS } from "../observe/end-reasons.js";
import { endColumns } from "../shard/lists.js";
import type { ShardPool } from "../shard/pool.js";
import { ControlRefusal } from "./control-refusal.js";
import type { BindingsView } from "./running.js";

export interface FlowView extends Omit<FlowRow, "slot" | "generation" | "listener" | "flags" | "aors"> {
  /** shard.slot.generation: never names another flow. */
  readonly id: string;
  readonly shard: number;
  readonly transport: string;
  /** The address that the client sent to. */
  readonly local: string;
  readonly outbound: boolean;
  readonly supervised: boolean;
  readonly dead: boolean;
  readonly side: "client" | "core";
  readonly aors: readonly AorView[];
}

/** Who registered over the flow. The flow may outlive the registration; the registrar has the binding. */
export interface AorView extends AorRow {
  /** Negative: expired. Null: the registrar did not say for how long. */
  readonly expiresInSeconds: number | null;
  /** At a home, of one with an instance: whether the registration is still there. It ends before the flow when a call has found nobody. */
  readonly isBound?: boolean;
}

export interface EndedView extends Omit<FlowEndRow, "why" | "listener" | "endedAt"> {
  readonly shard: number;
  readonly transport: string;
  readonly reason: string;
}

/** Seconds as LEAST-BELOW, the second left out for no end; "": any. Both are of clients, an age of connections, as in the survey. */
export interface FlowTimes {
  readonly silence: string;
  readonly age: string;
}

const ANY_TIME: FlowTimes = { silence: "", age: "" };

export interface FlowList {
  readonly flows: readonly FlowView[];
  /** Pass it back to continue; "": that was all. */
  readonly next: string;
}

/** What the operator searches for: an address with or without a port, the name of a flow, or part of an AOR or instance. */
export function filterOf(word: string): FlowFilter & { readonly shard?: number } {
  const text = word.trim();
  if (text === "") return {};
  const named = /^(\d{1,3})\.(\d{1,8})\.(\d{1,10})$/.exec(text);
  if (named) return { shard: Number(named[1]), slot: Number(named[2]), generation: Number(named[3]) };
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return { address: bare, port: 0 };
  const place = splitHostPort(text);
  if (place?.host.family !== undefined && place.port !== undefined) return { address: place.host.name, port: place.port };
  return { text: text.toLowerCase().replace(/^<(.*)>$/, "$1") };
}

function timesOf({ silence, age }: FlowTimes): FlowFilter {
  const idle = millisecondsOf("silence", silence);
  const old = millisecondsOf("age", age);
  return {
    ...(idle && { leastIdleMs: idle.least, idleBelowMs: idle.below }),
    ...(old && { leastAgeMs: old.least, ageBelowMs: old.below }),
    ...((idle ?? old) && { clientsOnly: true }),
  };
}

/** The shard counts milliseconds in 32 bits. */
const MAX_MS = 0xff_ff_ff_ff;

function millisecondsOf(name: string, text: string): { readonly least: number; readonly below: number } | undefined {
  if (text === "") return undefined;
  const [, least = "", below = ""] = /^(\d{1,7})-(\d{0,7})$/.exec(text) ?? [];
  if (least === "") throw new ControlRefusal(400, `${name} is seconds from-to: 60-300, or 86400- for no end`);
  const milliseconds = (seconds: string): number => Math.min(Number(seconds) * 1_000, MAX_MS);
  return { least: milliseconds(least), below: below === "" ? MAX_MS : milliseconds(below) };
}

function keyOf({ instance, regId }: { readonly instance: string; readonly regId: number }): string {
  return `${regId} ${instance.toLowerCase()}`;
}

export class Flows {
  readonly #pool: ShardPool;
  readonly #listeners: readonly ShardListener[];
  readonly #bindings: BindingsView | undefined;

  /** `bindings`: of a home. */
  constructor(pool: ShardPool, listeners: readonly ShardListener[], bindings?: BindingsView) {
    this.#pool = pool;
    this.#listeners = listeners;
    this.#bindings = bindings;
  }

  /** Shard after shard, at most `limit`; `from` is what an earlier answer gave as `next`. */
  async list(word: string, limit: number, from: string, times = ANY_TIME): Promise<FlowList> {
    const { shard: only, ...which } = filterOf(word);
    const filter = { ...which, ...timesOf(times) };
    if (only !== undefined && only >= this.#pool.size) return { flows: [], next: "" };
    let [shard = 0, cursor = 0] = from.split(".").map(Number);
    if (!Number.isInteger(shard) || !Number.isInteger(cursor)) throw new ControlRefusal(400, "from must be what an earlier answer gave as next");
    const flows: FlowView[] = [];
    for (; shard < this.#pool.size; shard += 1) {
      if (only !== undefined && only !== shard) continue;
      const part = await this.#pool.inquiries.ask(shard, { kind: "flows", filter, most: limit - flows.length, cursor });
      flows.push(...part.flows.map((row) => this.view(shard, row)));
      cursor = part.cursor;
      if (flows.length >= limit) return { flows: await this.#withBindings(flows), next: this.#next(shard, cursor) };
    }
    return { flows: await this.#withBindings(flows), next: "" };
  }

  async #withBindings(flows: readonly FlowView[]): Promise<readonly FlowView[]> {
    const bindings = this.#bindings;
    if (bindings === undefined) return flows;
    const names = new Set(flows.flatMap(({ aors }) => aors.flatMap(({ aor, instance }) => (instance === "" ? [] : [aor]))));
    // Without an answer, the store is away.
    const found = names.size === 0 ? undefined : await bindings.registrations([...names]).catch(() => undefined);
    if (found === undefined) return flows;
    const known = new Map([...found].map(([aor, those]) => [aor, new Set(those.map(keyOf))]));
    return flows.map((flow) => ({
      ...flow,
      aors: flow.aors.map((one) => {
        const keys = one.instance === "" ? undefined : known.get(one.aor);
        return keys === undefined ? one : { ...one, isBound: keys.has(keyOf(one)) };
      }),
    }));
  }

  /** Of all shards together. */
  async survey(): Promise<SurveyRow> {
    const rows = (await this.#pool.inquiries.askAll({ kind: "survey" })).map(({ answer }) => answer);
    const sum = (one: readonly number[], other: readonly number[]): readonly number[] => other.map((count, at) => count + (one[at] ?? 0));
    return rows.reduce((all, row) => ({
      ages: sum(all.ages, row.ages),
      silence: sum(all.silence, row.silence),
      outbound: all.outbound + row.outbound,
      supervised: all.supervised + row.supervised,
    }));
  }

  async byId(id: string): Promise<FlowView> {
    if (!/^\d+\.\d+\.\d+$/.test(id)) throw new ControlRefusal(400, "a flow is named shard.slot.generation");
    const [flow] = (await this.list(id, 1, "")).flows;
    if (flow === undefined) throw new ControlRefusal(404, `there is no flow ${id} now`);
    return flow;
  }

  async close(id: string): Promise<void> {
    const { shard = 0, slot = 0, generation = 0 } = filterOf((await this.byId(id)).id);
    if (!(await this.#pool.inquiries.ask(shard, { kind: "close", slot, generation }))) throw new ControlRefusal(404, `there is no flow ${id} now`);
  }

  /** The first `most` in the order of `endColumns`, and how many there are. */
  async ended(word: string, sort: string, most: number): Promise<{ readonly rows: readonly EndedView[]; readonly total: number }> {
    const all = await this.#pool.inquiries.askAll({ kind: "ends", filter: filterOf(word), sort, most });
    const rows = all.flatMap(({ shard, answer }) => answer.ends.map((row) => ({ shard, ...row })));
    const first = rows.sort(orderOf(endColumns, sort)).slice(0, most);
    const now = Math.max(...first.map(({ endedMs, endedAt }) => endedMs + endedAt));
    return { rows: first.map(({ shard, ...row }) => this.#endedView(shard, row, now)), total: all.reduce((sum, { answer }) => sum + answer.total, 0) };
  }

  #next(shard: number, cursor: number): string {
    if (cursor !== 0) return `${shard}.${cursor}`;
    return shard + 1 < this.#pool.size ? `${shard + 1}.0` : "";
  }

  view(shard: number, { slot, generation, listener, flags, aors, ...row }: FlowRow): FlowView {
    const first = this.#listeners[listener];
    const place = first && listenerOf(first, shard);
    return {
      id: `${shard}.${slot}.${generation}`,
      shard,
      transport: place?.transport ?? "",
      local: place?.sentBy ?? "",
      ...row,
      aors: aors.map((one) => ({ ...one, expiresInSeconds: one.grantedSeconds === 0 ? null : Math.round(one.grantedSeconds - one.refreshedMs / 1_000) })),
      outbound: (flags & FlowFlag.outbound) !== 0,
      supervised: (flags & FlowFlag.supervised) !== 0,
      dead: (flags & FlowFlag.dead) !== 0,
      side: (flags & FlowFlag.core) === 0 ? "client" : "core",
    };
  }

  #endedView(shard: number, { why, listener, endedAt, ...row }: FlowEndRow, now: number): EndedView {
    return { shard, transport: this.#listeners[listener]?.transport ?? "", reason: REASONS[why] ?? "unknown", ...row, endedMs: now - endedAt };
  }
}
