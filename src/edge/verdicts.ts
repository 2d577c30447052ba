/** Writing verdicts; a row left unwritten means drop. */
import { Action, Const, Method, RecordField, VerdictField } from "../native/layout.js";

export function reply(verdicts: Int32Array, row: number, status: number, reason = 0, retryAfter = 0): void {
  verdicts[row + VerdictField.action] = Action.reply;
  verdicts[row + VerdictField.status] = status;
  verdicts[row + VerdictField.reason] = reason;
  verdicts[row + VerdictField.retryAfter] = retryAfter;
}

export function relay(verdicts: Int32Array, row: number, action: number, target: number, edits: number, cutRoutes: number): void {
  verdicts[row + VerdictField.action] = action;
  verdicts[row + VerdictField.target] = target;
  verdicts[row + VerdictField.edits] = edits;
  verdicts[row + VerdictField.cutRoutes] = cutRoutes;
}

export function relayResponse(verdicts: Int32Array, row: number, edits: number, flowTimer: number): void {
  verdicts[row + VerdictField.action] = Action.relayResponse;
  verdicts[row + VerdictField.edits] = edits;
  verdicts[row + VerdictField.flowTimer] = flowTimer;
}

/** No answer goes to an answer or an ACK (RFC 3261 17). */
export function failRow(records: Int32Array, row: number, verdicts: Int32Array, out: number): void {
  verdicts.fill(0, out, out + Const.verdictFields);
  if (records[row + RecordField.isResponse] === 0 && records[row + RecordField.method] !== Method.ack) reply(verdicts, out, 500);
}
