/** The policy of the edge over one batch: numbers in, numbers out, and not one object is allocated. */
import { Const, RecordField } from "../native/layout.js";
import { type EdgeRules, decideRequest } from "./decide-request.js";
import { decideResponse } from "./decide-response.js";

export function decide(records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules): void {
  for (let item = 0; item < count; item += 1) {
    const row = item * Const.recordFields;
    const out = item * Const.verdictFields;
    if (records[row + RecordField.isResponse] === 0) decideRequest(records, row, verdicts, out, rules);
    else decideResponse(records, row, verdicts, out, rules);
  }
}
