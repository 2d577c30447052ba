/** A message on which the policy fails gets 500; the others in the batch are not affected. */
import { expect, test } from "vitest";
import type { EdgeRules } from "../../../src/edge/decide-request.js";
import { reply } from "../../../src/edge/verdicts.js";
import { Action, Const, Method, RecordField, VerdictField } from "../../../src/native/layout.js";
import { decideBatch } from "../../../src/shard/decide-batch.js";

const rules: EdgeRules = { outbound: "auto", flowTimer: 0, draining: false, isReplaced: false, home: false };
const FAULTY = 99;

/** Answers 200; at the faulty message it throws after writing half a verdict. */
function decide(records: Int32Array, verdicts: Int32Array, count: number): void {
  for (let item = 0; item < count; item += 1) {
    reply(verdicts, item * Const.verdictFields, 200);
    if (records[item * Const.recordFields + RecordField.error] === FAULTY) throw new Error("a fault of ours");
  }
}

test("SA-14 a message of a batch on which the policy fails gets 500, an ACK or response is dropped, and the others are not affected", () => {
  const records = new Int32Array(Const.batchSize * Const.recordFields);
  const verdicts = new Int32Array(Const.batchSize * Const.verdictFields);
  const faulty = (item: number, field: number, value: number): void => {
    records[item * Const.recordFields + RecordField.error] = FAULTY;
    records[item * Const.recordFields + field] = value;
  };
  faulty(1, RecordField.method, Method.invite);
  faulty(3, RecordField.method, Method.ack);
  faulty(4, RecordField.isResponse, 1);
  const faults: unknown[] = [];
  decideBatch(decide, records, verdicts, 6, rules, (error) => faults.push(error));
  const shown = Array.from({ length: 6 }, (_, item) => {
    const out = item * Const.verdictFields;
    return verdicts[out + VerdictField.action] === Action.reply ? verdicts[out + VerdictField.status] : "dropped";
  });
  expect(shown).toEqual([200, 500, 200, "dropped", "dropped", 200]);
  expect(faults).toHaveLength(3);
});
