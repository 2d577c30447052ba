/** What the main thread may ask of a shard. A long answer is gathered in slices, so that no message waits for it. */
import { setTimeout as sleep, setImmediate as nextTurn } from "node:timers/promises";
import type { LocationStore } from "../location/store.js";
import type { Home } from "./assemble-home.js";
import type { MovedFlows, Shard } from "../native/binding.js";
import type { FlowFilter, FlowRow, RefusalRow, SurveyRow, TokenRow, UpstreamRow } from "../native/inspect.js";
import { type BindingPage, type BindingQuery, type BindingRow, type Registration, listBindings, registrations } from "./list-bindings.js";
import { type EndsAnswer, type FlapperRow, type SilentAnswer, type TalkerRow, endedFlows, flappers, silentFlows, talkers } from "./lists.js";

const SLOTS_PER_SLICE = 8_192;
/** Of flows sent ahead, for one question. */
const ANNOUNCEMENTS = 1_000;
/** So many flows may have changed when all shards stop. */
const FEW_CHANGES = 64;
/** Less than the main thread waits for an answer. */
const PATIENCE_MS = 8_000;
/** At the most: on a busy server flows change all the time. */
const PASSES = 4;

export type Question =
  /** Answered after every order that was sent before it. */
  | { readonly kind: "orders" }
  | { readonly kind: "flows"; readonly filter: FlowFilter; readonly most: number; /** From an earlier answer, 0: from the start. */ readonly cursor: number }
  | { readonly kind: "survey" }
  | { readonly kind: "ends"; readonly filter: FlowFilter; /** As `endColumns` names it. */ readonly sort: string; readonly most: number }
  | { readonly kind: "silent"; /** Part of an AOR or address, in lower case. */ readonly word: string; readonly most: number }
  | { readonly kind: "sample"; readonly begins: boolean }
  /** Since the sample began. */
  | { readonly kind: "talkers"; readonly most: number }
  | { readonly kind: "flappers"; readonly withinMs: number; readonly most: number }
  | { readonly kind: "refusals" }
  | { readonly kind: "list-bindings"; readonly query: BindingQuery }
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "upstreams" }
  | { readonly kind: "bindings"; /** As addressOfRecord writes it. */ readonly aor: string }
  | { readonly kind: "registrations"; /** As addressOfRecord writes them. */ readonly aors: readonly string[] }
  | { readonly kind: "unbind"; readonly aor: string }
  | { readonly kind: "close"; readonly slot: number; readonly generation: number }
  /** The next six: another process takes over (src/process/upgrade.ts). */
  | { readonly kind: "announce"; readonly channel: number; /** Of the images that the other one reads. */ readonly layout: number }
  | { readonly kind: "draft"; readonly channel: number }
  | { readonly kind: "hand-over"; readonly channel: number; /** Nothing stops, and nothing is sent: what will run with all shards at rest has run once. */ readonly isRehearsal: boolean }
  | { readonly kind: "resume"; /** Over which flows went, -1: none is left. */ readonly channel: number }
  | { readonly kind: "settled" }
  | { readonly kind: "release"; /** For those who follow, -1: nobody does. */ readonly channel: number };

export interface FlowsAnswer {
  readonly flows: readonly FlowRow[];
  /** 0: all were looked at. */
  readonly cursor: number;
}

/** The answer to each kind of question. */
export interface Answers {
  readonly orders: true;
  readonly flows: FlowsAnswer;
  readonly survey: SurveyRow;
  readonly ends: EndsAnswer;
  readonly silent: SilentAnswer;
  readonly sample: true;
  readonly talkers: readonly TalkerRow[];
  readonly flappers: readonly FlapperRow[];
  readonly refusals: readonly RefusalRow[];
  readonly "list-bindings": BindingPage;
  readonly token: TokenRow;
  readonly upstreams: readonly UpstreamRow[];
  readonly bindings: readonly BindingRow[];
  /** One for each address; undefined: the store does not say. */
  readonly registrations: readonly (readonly Registration[] | undefined)[];
  /** How many were removed. */
  readonly unbind: number;
  readonly close: boolean;
  /** Whether more flows are left to send ahead. */
  readonly announce: boolean;
  readonly draft: true;
  readonly "hand-over": MovedFlows | undefined;
  /** Connections that are lost, because the other process knew more about them. */
  readonly resume: number;
  readonly settled: true;
  readonly release: true;
}

/** `home` is undefined on an edge, which has no bindings. Rejects when the store does. */
export async function answer(shard: Shard, home: Pick<Home, "store" | "path"> | undefined, question: Question): Promise<Answers[keyof Answers]> {
  const store = home?.store;
  switch (question.kind) {
    case "orders":
      return true;
    case "flows":
      return findFlows(shard, question);
    case "survey":
      return shard.survey();
    case "ends":
      return endedFlows(shard, question.filter, question.sort, question.most);
    case "silent":
      return silentFlows(shard, question.word, question.most);
    case "sample":
      shard.sample(question.begins);
      return true;
    case "talkers":
      return talkers(shard, question.most);
    case "flappers":
      return flappers(shard, question.withinMs, question.most);
    case "refusals":
      return shard.refusals();
    case "list-bindings":
      return store === undefined ? { bindings: [], next: "" } : listBindings(store, question.query);
    case "token":
      return shard.token(question.text);
    case "upstreams":
      return shard.upstreams();
    case "bindings":
      return store === undefined ? [] : (await store.lookup(question.aor)).map((one) => ({ ...one, expiresInSeconds: Math.round((one.expiresAt - store.now()) / 1_000) }));
    case "registrations":
      return store === undefined ? question.aors.map(() => []) : registrations(store, question.aors);
    case "unbind":
      return store === undefined ? 0 : unbind(store, question.aor);
    case "close":
      return shard.closeFlow(question.slot, question.generation);
    case "announce":
      return announce(shard, question.channel, question.layout);
    case "draft":
      return draft(shard, question.channel);
    case "hand-over":
      return handOver(shard, home?.path, question);
    case "resume": {
      const lost = shard.resume(question.channel);
      home?.path.goOn();
      return lost;
    }
    case "settled":
      shard.settled();
      return true;
    case "release":
      home?.path.drop();
      shard.releaseFlows(question.channel);
      return true;
  }
}

/** In slices, with time for messages in between. */
async function announce(shard: Shard, channel: number, layout: number): Promise<boolean> {
  for (let slice = 0; slice < ANNOUNCEMENTS; slice += 1) {
    if (!sound(shard.announce(channel, layout))) return false;
    await sleep(1);
  }
  return true;
}

/** What is known about flows goes ahead in slices, and again what has changed since, until little is left. */
async function draft(shard: Shard, channel: number): Promise<true> {
  const until = performance.now() + PATIENCE_MS;
  for (let changed = Infinity, pass = 0; changed > FEW_CHANGES && pass < PASSES; pass += 1) {
    changed = 0;
    for (let more = true; more; await soon(until)) {
      const slice = sound(shard.draft(channel));
      changed += slice.changed;
      more = slice.more;
    }
    await rehearse(shard, channel, until);
  }
  return true;
}

/** Until the other process has taken all that was sent. */
async function rehearse(shard: Shard, channel: number, until: number): Promise<void> {
  let waits = sound(shard.rehearse(channel));
  for (; waits === undefined; waits = sound(shard.rehearse(channel))) await soon(until);
  if (waits) while (!sound(shard.heard(channel))) await soon(until);
}

/** Nothing asks about the channel after the time in which the main thread waits for an answer: its number may be another's by then. */
async function soon(until: number): Promise<void> {
  if (performance.now() > until) throw new Error("the other process does not take the flows in time");
  await sleep(1);
}

/** REGISTERs that wait for the store are answered here; nothing is read meanwhile. */
async function handOver(shard: Shard, path: Home["path"] | undefined, { channel, isRehearsal }: Extract<Question, { kind: "hand-over" }>): Promise<MovedFlows | undefined> {
  if (!isRehearsal && path !== undefined) {
    shard.pause();
    path.pause();
  }
  if (path !== undefined) await path.rest();
  const objects = path?.moving();
  if (isRehearsal) return void (await rehearse(shard, channel, performance.now() + PATIENCE_MS));
  path?.hold();
  return sound(shard.handOver(channel, objects));
}

function sound<T>(given: T | string): T {
  if (typeof given === "string") throw new Error(given);
  return given;
}

async function unbind(store: LocationStore, aor: string): Promise<number> {
  const bindings = await store.lookup(aor);
  for (const { key } of bindings) await store.remove(aor, key);
  return bindings.length;
}

async function findFlows(shard: Shard, { filter, most, cursor }: Extract<Question, { kind: "flows" }>): Promise<FlowsAnswer> {
  const found: FlowRow[] = [];
  let at = cursor;
  for (;;) {
    const slice = shard.flows(filter, at, SLOTS_PER_SLICE, most - found.length);
    found.push(...slice.flows);
    at = slice.cursor;
    if (at === 0 || found.length >= most) return { flows: found, cursor: at };
    await nextTurn();
  }
}
