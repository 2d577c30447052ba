/** What is to become of each message of a batch, written as a verdict a row. */
import type { EdgeRules } from "../edge/decide-request.js";
import { failRow } from "../edge/verdicts.js";
import { Const } from "../native/layout.js";

export type Decide = (records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules) => unknown;

/** Where `decide` throws, each message is decided about by itself: the one at fault is answered 500, and the others never notice. */
export function decideBatch(decide: Decide, records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules, onFault: (error: unknown) => void): void {
  try {
    decide(records, verdicts, count, rules);
  } catch {
    for (let item = 0; item < count; item += 1) decideOne(decide, records, verdicts, item, rules, onFault);
  }
}

function decideOne(decide: Decide, records: Int32Array, verdicts: Int32Array, item: number, rules: EdgeRules, onFault: (error: unknown) => void): void {
  const [row, out] = [item * Const.recordFields, item * Const.verdictFields];
  verdicts.fill(0, out, out + Const.verdictFields);
  try {
    decide(records.subarray(row, row + Const.recordFields), verdicts.subarray(out, out + Const.verdictFields), 1, rules);
  } catch (error) {
    onFault(error);
    failRow(records, row, verdicts, out);
  }
}
