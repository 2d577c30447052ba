/** Lists over all flows of a shard and the flows that ended. Gathered in slices, so that no message waits, and bounded. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Best } from "../base/best.js";
import { least, most, orderOf } from "../base/columns.js";
import type { Shard } from "../native/binding.js";
import type { FlowEndRow, FlowFilter, FlowRow } from "../native/inspect.js";
import { Counter } from "../native/layout.js";
import { REASONS } from "../observe/end-reasons.js";
import { networkOf } from "../observe/network.js";

const SLOTS_PER_SLICE = 4_096;
const ROWS_PER_SLICE = 256;
/** Sources counted at once; beyond that the quieter half is forgotten. */
const MAX_SOURCES = 20_000;

export interface TalkerRow {
  readonly source: string;
  readonly flows: number;
  /** Received since the sample began. */
  readonly messages: number;
  /** Of one of its flows; "": no one registered over it. */
  readonly aor: string;
}

export interface FlapperRow {
  /** An AOR, or the source if none registered. */
  readonly who: string;
  readonly source: string;
  /** How many of its flows ended. */
  readonly ends: number;
  readonly lastMs: number;
  readonly shortestMs: number;
  /** By numbers of Counter. */
  readonly reasons: Readonly<Record<number, number>>;
}

export interface SilentAnswer {
  readonly flows: readonly FlowRow[];
  readonly total: number;
}

/** The flows of clients that have been silent the longest, and how many there are. */
export async function silentFlows(shard: Shard, word: string, room: number): Promise<SilentAnswer> {
  const best = new Best<FlowRow>(room, (one, other) => other.idleMs - one.idleMs);
  const wanted: FlowFilter = { clientsOnly: true, ...(word !== "" && { text: word, textInAddress: true }) };
  const total = await eachFlow(shard, () => ({ ...wanted, countedBelowMs: best.bar === undefined ? 0 : best.bar.idleMs + 1 }), (flow) => best.add(flow));
  return { flows: best.list, total };
}

/** Ends the sample and returns who sent the most since `sample(true)`. */
export async function talkers(shard: Shard, most: number): Promise<readonly TalkerRow[]> {
  const sources = new Map<string, TalkerRow>();
  await eachFlow(shard, () => ({ clientsOnly: true, leastRecent: 1 }), ({ address, recent, aors }) => {
    const source = networkOf(address);
    const { flows = 0, messages = 0, aor = "" } = sources.get(source) ?? {};
    sources.set(source, { source, flows: flows + 1, messages: messages + recent, aor: aor || (aors[0]?.aor ?? "") });
    if (sources.size > MAX_SOURCES) for (const { source: quiet } of loudest(sources, MAX_SOURCES).slice(MAX_SOURCES / 2)) sources.delete(quiet);
  });
  shard.sample(false);
  return loudest(sources, most);
}

function loudest(sources: ReadonlyMap<string, TalkerRow>, most: number): readonly TalkerRow[] {
  return [...sources.values()].sort((one, other) => other.messages - one.messages).slice(0, most);
}

/** The first one is the list's own order. */
export const endColumns = {
  endedMs: most(({ endedAt }: FlowEndRow) => endedAt),
  lastedMs: least(({ lastedMs }: FlowEndRow) => lastedMs),
  messages: most(({ messages }: FlowEndRow) => messages),
  aor: least(({ aor }: FlowEndRow) => aor),
  reason: least(({ why }: FlowEndRow) => REASONS[why] ?? ""),
};

export interface EndsAnswer {
  readonly ends: readonly FlowEndRow[];
  readonly total: number;
}

export async function endedFlows(shard: Shard, filter: FlowFilter, sort: string, room: number): Promise<EndsAnswer> {
  const best = new Best<FlowEndRow>(room, orderOf(endColumns, sort) ?? (() => 0));
  let total = 0;
  await eachEnd(shard, (row) => {
    if (!meets(row, filter)) return;
    total += 1;
    best.add(row);
  });
  return { ends: best.list, total };
}

function meets({ address, port, aor, instance }: FlowEndRow, filter: FlowFilter): boolean {
  if (filter.slot !== undefined) return false;
  if (filter.address !== undefined) return filter.address === address && (!filter.port || filter.port === port);
  return filter.text === undefined || `${aor} ${instance}`.toLowerCase().includes(filter.text);
}

/** Whose flows ended repeatedly, by AOR, except those ended by the operator or a drain. */
export async function flappers(shard: Shard, withinMs: number, most: number): Promise<readonly FlapperRow[]> {
  const found = new Map<string, FlapperRow>();
  await eachEnd(shard, ({ why, endedMs, lastedMs, address, aor }) => {
    if (endedMs > withinMs || why === Counter.flowsMoved) return;
    const source = networkOf(address);
    const who = aor || source;
    const { ends = 0, lastMs = endedMs, shortestMs = lastedMs, reasons = {} } = found.get(who) ?? {};
    found.set(who, { who, source, ends: ends + 1, lastMs: Math.min(lastMs, endedMs), shortestMs: Math.min(shortestMs, lastedMs), reasons: { ...reasons, [why]: (reasons[why] ?? 0) + 1 } });
  });
  return [...found.values()].sort((one, other) => other.ends - one.ends).slice(0, most);
}

/** A flow that ends meanwhile moves the others by one place, so a row may occur twice. */
async function eachEnd(shard: Shard, take: (row: FlowEndRow) => void): Promise<void> {
  let last = "";
  for (let from = 0; ; from += ROWS_PER_SLICE) {
    const rows = shard.ends(from, ROWS_PER_SLICE);
    for (const row of rows) {
      const name = `${row.address} ${row.port} ${row.lastedMs} ${row.aor}`;
      if (name !== last) take(row);
      last = name;
    }
    if (rows.length < ROWS_PER_SLICE) return;
    await nextTurn();
  }
}

/** How many there were. */
async function eachFlow(shard: Shard, filter: () => FlowFilter, take: (flow: FlowRow) => void): Promise<number> {
  let [cursor, total] = [0, 0];
  do {
    const slice = shard.flows(filter(), cursor, SLOTS_PER_SLICE, ROWS_PER_SLICE);
    slice.flows.forEach(take);
    ({ cursor } = slice);
    total += slice.count;
    if (cursor !== 0) await nextTurn();
  } while (cursor !== 0);
  return total;
}
