/** At a home, a page of flows says whose registrations are still there: one question for all of them. */
import { expect, test } from "vitest";
import { bindingsOf } from "../../../src/admin/bindings.js";
import { Flows } from "../../../src/admin/flows.js";
import type { Config } from "../../../src/config/config.js";
import type { AorRow, FlowRow } from "../../../src/native/inspect.js";
import { registrations } from "../../../src/shard/list-bindings.js";
import type { ShardPool } from "../../../src/shard/pool.js";
import type { Question } from "../../../src/shard/questions.js";
import type { Binding } from "../../../src/location/binding.js";

const config = { mode: "standalone", domains: [{ name: "example.com" }], names: [], listen: [] } as unknown as Config;

function flowOf(slot: number, ...aors: readonly Partial<AorRow>[]): FlowRow {
  const whole = aors.map((one) => ({ aor: "", instance: "", userAgent: "", regId: 0, sinceMs: 0, refreshedMs: 0, grantedSeconds: 60, ...one }));
  return { slot, generation: 1, listener: 0, flags: 0, address: "192.0.2.7", port: 5060, aors: whole } as unknown as FlowRow;
}

const bound = { aor: "sip:alice@example.com", instance: "urn:uuid:A", regId: 1 };
const gone = { aor: "sip:bob@example.com", instance: "urn:uuid:b", regId: 2 };
const plain = { aor: "sip:carol@example.com" };
const unknown = { aor: "sip:dave@example.com", instance: "urn:uuid:d", regId: 1 };
const odd = { aor: "tel:+123", instance: "urn:uuid:e", regId: 1 };

/** Dave's row cannot be read. */
const store = {
  lookup: (aor: string): Promise<readonly Binding[]> => {
    if (aor === unknown.aor) return Promise.reject(new Error("unreadable"));
    return Promise.resolve(aor === bound.aor ? [{ instance: "urn:uuid:a", regId: 1 } as Binding] : [{ instance: "urn:uuid:b", regId: 1 } as Binding]);
  },
};

test("one question for the registrations of a whole page; those that cannot be looked up are left out", async () => {
  const asked: string[] = [];
  const ask = async (question: Question): Promise<unknown> => {
    asked.push(question.kind);
    if (question.kind === "flows") return { flows: [flowOf(1, bound, gone, plain), flowOf(2, unknown), flowOf(3, odd, bound)], cursor: 0 };
    return question.kind === "registrations" ? registrations(store, question.aors) : undefined;
  };
  const pool = { size: 1, inquiries: { ask: (_: number, question: Question) => ask(question), askAny: ask } } as unknown as ShardPool;
  const { flows } = await new Flows(pool, [], bindingsOf(pool, () => config)).list("", 100, "");
  expect(asked).toEqual(["flows", "registrations"]);
  expect(flows.map(({ aors }) => aors.map(({ isBound }) => isBound))).toEqual([[true, false, undefined], [undefined], [undefined, true]]);
});

test("without an answer the flows are shown all the same", async () => {
  const ask = (question: Question): Promise<unknown> =>
    question.kind === "flows" ? Promise.resolve({ flows: [flowOf(1, bound)], cursor: 0 }) : Promise.reject(new Error("the shard is ending"));
  const pool = { size: 1, inquiries: { ask: (_: number, question: Question) => ask(question), askAny: ask } } as unknown as ShardPool;
  const { flows } = await new Flows(pool, [], bindingsOf(pool, () => config)).list("", 100, "");
  expect(flows.map(({ aors }) => aors.map(({ isBound }) => isBound))).toEqual([[undefined]]);
});
