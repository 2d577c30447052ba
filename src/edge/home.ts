/**
 * The fast path of a registrar or standalone server: what a token or a trusted neighbour's Route leads somewhere is relayed like on an
 * edge; everything else is for the object path (RFC 3261 16.4 to 16.6, RFC 5626 5.3).
 */
import { Action, Const, HeaderFlag, Hop, Method, OptionFlag, RecordField, RouteKind, VerdictField } from "../native/layout.js";
import { type EdgeRules, RETRY_AFTER_SECONDS, fromCore, incoming, isFaulty, isForUs, mayUseFlow, stripOf } from "./request.js";
import { decideResponse } from "./response.js";
import { walkRoutes, walked } from "./route-walk.js";
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
  const method = records[row + RecordField.method]!;
  if (isFaulty(records, row, verdicts, out)) return;
  if (method === Method.ack) return acknowledge(records, row, verdicts, out);
  if (records[row + RecordField.looped] !== 0) return reply(verdicts, out, 482);
  if (isForUs(records, row)) return rules.draining ? reply(verdicts, out, 503, 0, RETRY_AFTER_SECONDS) : reply(verdicts, out, 200);
  if (records[row + RecordField.maxForwards] === 0) return reply(verdicts, out, 483);
  if ((records[row + RecordField.options]! & OptionFlag.proxyRequire) !== 0 && method !== Method.cancel) return reply(verdicts, out, 420);

  walkRoutes(records, row);
  if (walked.forged) return reply(verdicts, out, 403);
  if (walked.unknownKey) return reply(verdicts, out, 430);
  if (rules.draining && records[row + RecordField.hasToTag] === 0 && method !== Method.cancel) {
    return reply(verdicts, out, 503, 0, RETRY_AFTER_SECONDS);
  }
  if (walked.target >= 0) return incoming(records, row, verdicts, out, rules);
  if (records[row + RecordField.nextRoute] === Hop.none) verdicts[out + VerdictField.action] = Action.object;
  else if (records[row + RecordField.fromCore] !== 0) fromCore(records, row, verdicts, out);
  else if (leadsOn(records, row)) relay(verdicts, out, Action.relayToHop, -1, stripOf(records, row), walked.cut);
  else reply(verdicts, out, 403);
}

/** A client's request within a dialog whose other end is behind a neighbour: our own Record-Route before its Route is the proof. */
function leadsOn(records: Int32Array, row: number): boolean {
  return walked.outgoing && records[row + RecordField.hasToTag] !== 0 && records[row + RecordField.nextRoute] === Hop.trusted;
}

/** No ACK is ever answered (RFC 3261 17). Without a token it may end an INVITE of the object path. */
function acknowledge(records: Int32Array, row: number, verdicts: Int32Array, out: number): void {
  if (records[row + RecordField.looped] !== 0 || records[row + RecordField.maxForwards] === 0) return;
  walkRoutes(records, row);
  if (walked.forged || walked.unknownKey) return;
  if (walked.target >= 0) {
    if (walked.targetKind === RouteKind.alive && mayUseFlow(records, row)) {
      relay(verdicts, out, Action.relayToFlow, walked.target, stripOf(records, row), walked.cut);
    }
  } else if (records[row + RecordField.nextRoute] === Hop.none) verdicts[out + VerdictField.action] = Action.object;
  else if (records[row + RecordField.fromCore] !== 0) fromCore(records, row, verdicts, out);
  else if (leadsOn(records, row)) relay(verdicts, out, Action.relayToHop, -1, stripOf(records, row), walked.cut);
}
