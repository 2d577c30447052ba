/**
 * The fast path of a registrar or standalone server: what a token or a trusted neighbour's Route leads somewhere is relayed like on an
 * edge; everything else is for the object path (RFC 3261 16.4 to 16.6, RFC 5626 5.3).
 */
import { Action, Const, HeaderFlag, Hop, Method, RecordField, VerdictField } from "../native/layout.js";
import { type EdgeRules, fromCore, isSettled, stripOf } from "./request.js";
import { decideResponse } from "./response.js";
import { walked } from "./route-walk.js";
import { relay, reply } from "./verdicts.js";

/** Writes a verdict a row; those with Action.object are the caller's to handle. Returns how many. */
export function decideHome(records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules): number {
  let objects = 0;
  for (let item = 0; item < count; item += 1) {
    const row = item * Const.recordFields;
    const out = item * Const.verdictFields;
    if (records[row + RecordField.isResponse] === 0) request(records, row, verdicts, out, rules);
    else if ((records[row + RecordField.headers]! & HeaderFlag.objectAnswer) !== 0) verdicts[out + VerdictField.action] = Action.object;
    else decideResponse(records, row, verdicts, out, rules);
    if (verdicts[out + VerdictField.action] === Action.object) objects += 1;
  }
  return objects;
}

function request(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
  if (isSettled(records, row, verdicts, out, rules)) return;
  if (records[row + RecordField.nextRoute] === Hop.none) verdicts[out + VerdictField.action] = Action.object;
  else if (records[row + RecordField.fromCore] !== 0) fromCore(records, row, verdicts, out);
  else if (leadsOn(records, row)) relay(verdicts, out, Action.relayToHop, -1, stripOf(records, row), walked.cut);
  else if (records[row + RecordField.method] !== Method.ack) reply(verdicts, out, 403);
}

/** A client's request within a dialog whose other end is behind a neighbour: our own Record-Route before its Route is the proof. */
function leadsOn(records: Int32Array, row: number): boolean {
  return walked.outgoing && records[row + RecordField.hasToTag] !== 0 && records[row + RecordField.nextRoute] === Hop.trusted;
}
