/** What the main thread may ask of a shard. A long answer is gathered in slices, so that no message waits for it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Binding } from "../location/binding.js";
import type { LocationStore } from "../location/store.js";
import type { Shard } from "../native/binding.js";
import type { FlowEndRow, FlowFilter, FlowRow, SurveyRow, TokenRow, UpstreamRow } from "../native/inspect.js";

const SLOTS_PER_SLICE = 8_192;

export type Question =
  | { readonly kind: "flows"; readonly filter: FlowFilter; readonly most: number; /** From an earlier answer, 0: from the start. */ readonly cursor: number }
  | { readonly kind: "survey" }
  | { readonly kind: "ends" }
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "upstreams" }
  | { readonly kind: "bindings"; /** As addressOfRecord writes it. */ readonly aor: string }
  | { readonly kind: "unbind"; readonly aor: string }
  | { readonly kind: "close"; readonly slot: number; readonly generation: number };

export interface FlowsAnswer {
  readonly flows: readonly FlowRow[];
  /** 0: all were looked at. */
  readonly cursor: number;
}

export interface BindingRow extends Binding {
  readonly expiresInSeconds: number;
}

/** The answer to each kind of question. */
export interface Answers {
  readonly flows: FlowsAnswer;
  readonly survey: SurveyRow;
  readonly ends: readonly FlowEndRow[];
  readonly token: TokenRow;
  readonly upstreams: readonly UpstreamRow[];
  readonly bindings: readonly BindingRow[];
  /** How many were removed. */
  readonly unbind: number;
  readonly close: boolean;
}

/** `store` is undefined on an edge, which has no bindings. Rejects when the store does. */
export async function answer(shard: Shard, store: LocationStore | undefined, question: Question): Promise<Answers[keyof Answers]> {
  switch (question.kind) {
    case "flows":
      return findFlows(shard, question);
    case "survey":
      return shard.survey();
    case "ends":
      return shard.ends();
    case "token":
      return shard.token(question.text);
    case "upstreams":
      return shard.upstreams();
    case "bindings":
      return store === undefined ? [] : (await store.lookup(question.aor)).map((one) => ({ ...one, expiresInSeconds: Math.round((one.expiresAt - store.now()) / 1_000) }));
    case "unbind":
      return store === undefined ? 0 : unbind(store, question.aor);
    case "close":
      return shard.closeFlow(question.slot, question.generation);
  }
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
