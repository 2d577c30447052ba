/** The lists that answer "who?": the longest silent, the loudest, those that come and go, those that are refused. Gathered on demand. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ShardPool } from "../shard/pool.js";
import { type Columns, least, most, orderOf } from "../base/columns.js";
import { endColumns } from "../shard/lists.js";
import { ControlRefusal } from "./control-refusal.js";
import { REASONS } from "../observe/end-reasons.js";
import type { EndedView, FlowView, Flows } from "./flows.js";

/** Of each shard, and of what is shown in pages. */
const MOST = 1_000;
/** Of the flows that ended, and of what is searched, so that no shard copies all of them at once. */
const DEEPEST = 10_000;

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Pass it as `from` to continue; "": the end. */
  readonly next: string;
}

export interface CountedPage<Row> extends Page<Row> {
  /** How many there are, on all pages. */
  readonly total: number;
}

export interface PageRequest {
  readonly limit: number;
  readonly from: string;
  /** Part of a source or an AOR, where there are any also a status; "": any. */
  readonly word: string;
  /** A column, after "-" the other way round; "": the list's own. */
  readonly sort: string;
}

export interface TalkerView {
  readonly source: string;
  readonly messagesPerSecond: number;
  readonly messages: number;
  readonly flows: number;
  readonly aor: string;
}

export interface FlapperView {
  readonly who: string;
  readonly source: string;
  readonly ends: number;
  readonly lastMs: number;
  readonly shortestMs: number;
  /** The reason that ended most of them. */
  readonly reason: string;
}

export interface RefusedView {
  readonly source: string;
  readonly status: number;
  /** Who the last request said it was from. */
  readonly aor: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export class Lists {
  readonly #pool: ShardPool;
  readonly #flows: Flows;
  #sampling: Promise<unknown> | undefined;

  constructor(pool: ShardPool, flows: Flows) {
    this.#pool = pool;
    this.#flows = flows;
  }

  async silent(request: PageRequest): Promise<CountedPage<FlowView>> {
    const columns = { idleMs: most(({ idleMs }: FlowView) => idleMs), ageMs: most(({ ageMs }: FlowView) => ageMs), messages: most(({ messages }: FlowView) => messages), aor: least(({ aors }: FlowView) => aors[0]?.aor ?? "") };
    const order = orderFor(columns, request);
    // In another order the most silent ones are sorted.
    const room = request.sort === "" || request.sort === "idleMs" ? Math.min(endOf(request) + 1, MOST) : MOST;
    const all = await this.#pool.inquiries.askAll({ kind: "silent", word: request.word.toLowerCase(), most: room });
    const rows = all.flatMap(({ shard, answer }) => answer.flows.map((row) => this.#flows.view(shard, row)));
    return cut(rows.sort(order), all.reduce((sum, { answer }) => sum + answer.total, 0), request);
  }

  /** Each shard sorts its own and gives the first ones, one more than the page needs. */
  async ended(request: PageRequest): Promise<CountedPage<EndedView>> {
    orderFor(endColumns, request);
    const { rows, total } = await this.#flows.ended(request.word, request.sort, Math.min(endOf(request) + 1, DEEPEST));
    return cut(rows, total, request);
  }

  /** Listens for so many seconds; one list at a time, because they share the count. */
  async talkers(request: PageRequest, seconds: number): Promise<CountedPage<TalkerView>> {
    while (this.#sampling !== undefined) await this.#sampling.catch(() => undefined);
    const sampling = this.#sample(request, seconds);
    this.#sampling = sampling;
    try {
      const columns = { messages: most(({ messages }: TalkerView) => messages), flows: most(({ flows }: TalkerView) => flows), source: least(({ source }: TalkerView) => source), aor: least(({ aor }: TalkerView) => aor) };
      return pageOf(await sampling, request, columns, ({ source, aor }) => `${source} ${aor}`);
    } finally {
      this.#sampling = undefined;
    }
  }

  async flappers(request: PageRequest, seconds: number): Promise<CountedPage<FlapperView>> {
    const all = await this.#pool.inquiries.askAll({ kind: "flappers", withinMs: seconds * 1_000, most: roomFor(request) });
    // A phone that comes back may land on another shard.
    const merged = new Map<string, (typeof all)[number]["answer"][number]>();
    for (const row of all.flatMap(({ answer }) => answer)) {
      const known = merged.get(row.who);
      merged.set(row.who, known === undefined ? row : { ...known, ends: known.ends + row.ends, lastMs: Math.min(known.lastMs, row.lastMs), shortestMs: Math.min(known.shortestMs, row.shortestMs), reasons: sumOf(known.reasons, row.reasons) });
    }
    const rows = [...merged.values()].filter(({ ends }) => ends > 1).map(({ reasons, ...row }) => ({ ...row, reason: commonest(reasons) }));
    const columns = { ends: most(({ ends }: FlapperView) => ends), lastMs: least(({ lastMs }: FlapperView) => lastMs), shortestMs: least(({ shortestMs }: FlapperView) => shortestMs), who: least(({ who }: FlapperView) => who), reason: least(({ reason }: FlapperView) => reason), source: least(({ source }: FlapperView) => source) };
    return pageOf(rows, request, columns, ({ who, source }) => `${who} ${source}`);
  }

  async refused(request: PageRequest): Promise<CountedPage<RefusedView>> {
    const merged = new Map<string, RefusedView>();
    for (const { answer } of await this.#pool.inquiries.askAll({ kind: "refusals" })) {
      for (const { address, status, aor, count, firstMs, lastMs } of answer) {
        const name = `${address} ${status}`;
        const known = merged.get(name);
        const newest = known === undefined || lastMs <= known.lastMs ? aor : known.aor;
        merged.set(name, { source: address, status, aor: newest, count: count + (known?.count ?? 0), firstMs: Math.max(firstMs, known?.firstMs ?? 0), lastMs: Math.min(lastMs, known?.lastMs ?? Infinity) });
      }
    }
    const columns = { count: most(({ count }: RefusedView) => count), lastMs: least(({ lastMs }: RefusedView) => lastMs), status: most(({ status }: RefusedView) => status), source: least(({ source }: RefusedView) => source), aor: least(({ aor }: RefusedView) => aor) };
    const isStatus = /^[4-6]\d\d$/.test(request.word);
    return pageOf([...merged.values()], request, columns, ({ source, status, aor }) => (isStatus ? String(status) : `${source} ${aor}`));
  }

  async #sample(request: PageRequest, seconds: number): Promise<readonly TalkerView[]> {
    const begin = performance.now();
    await this.#pool.inquiries.askAll({ kind: "sample", begins: true });
    await sleep(seconds * 1_000, undefined, { ref: false });
    const passed = (performance.now() - begin) / 1_000;
    const merged = new Map<string, TalkerView>();
    for (const { answer } of await this.#pool.inquiries.askAll({ kind: "talkers", most: roomFor(request) })) {
      for (const { source, flows, messages, aor } of answer) {
        const known = merged.get(source);
        const all = messages + (known?.messages ?? 0);
        merged.set(source, { source, messagesPerSecond: Math.round((all / passed) * 10) / 10, messages: all, flows: flows + (known?.flows ?? 0), aor: (known?.aor ?? "") || aor });
      }
    }
    return [...merged.values()];
  }
}

function pageOf<Row>(rows: readonly Row[], request: PageRequest, columns: Columns<Row>, textOf: (row: Row) => string): CountedPage<Row> {
  const order = orderFor(columns, request);
  const text = request.word.toLowerCase();
  const found = rows.filter((row) => text === "" || textOf(row).toLowerCase().includes(text));
  return cut(found.sort(order), found.length, request);
}

/** Who is searched need not be among the first. */
function roomFor({ word }: PageRequest): number {
  return word === "" ? MOST : DEEPEST;
}

function orderFor<Row>(columns: Columns<Row>, { sort }: PageRequest): (one: Row, other: Row) => number {
  const order = orderOf(columns, sort);
  if (order === undefined) throw new ControlRefusal(400, `sort must be one of ${Object.keys(columns).join(", ")}, or one of them after "-"`);
  return order;
}

/** `rows`: the first ones of `total`. */
function cut<Row>(rows: readonly Row[], total: number, request: PageRequest): CountedPage<Row> {
  const end = endOf(request);
  return { rows: rows.slice(end - request.limit, end), total, next: end < rows.length ? String(end) : "" };
}

function endOf({ from, limit }: PageRequest): number {
  if (!/^\d{0,6}$/.test(from)) throw new ControlRefusal(400, "from must be what an earlier answer gave as next");
  return Number(from) + limit;
}

function sumOf(one: Readonly<Record<number, number>>, other: Readonly<Record<number, number>>): Readonly<Record<number, number>> {
  const all: Record<number, number> = { ...one };
  for (const [why, count] of Object.entries(other)) all[Number(why)] = (all[Number(why)] ?? 0) + count;
  return all;
}

function commonest(reasons: Readonly<Record<number, number>>): string {
  const [why] = Object.entries(reasons).sort(([, one], [, other]) => other - one)[0] ?? [];
  return REASONS[Number(why)] ?? "unknown";
}
