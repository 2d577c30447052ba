/**
 * The fast path of a registrar or standalone server: what follows a token or a trusted neighbour's Route is relayed as on an
 * edge; everything else goes to the object path (RFC 3261 16.4 to 16.6, RFC 5626 5.3).
 */
import { Action, Const, HeaderFlag, Hop, Method, RecordField, VerdictField } from "../native/layout.js";
import { type EdgeRules, fromCore, isSettled, leadsOn, toNeighbour } from "./decide-request.js";
import { decideResponse } from "./decide-response.js";
import { reply } from "./verdicts.js";

/** Writes one verdict per row; the caller handles those with Action.object. Returns how many there are. */
export function decideHome(records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules): number {
  let objects = 0;
  for (let item = 0; item < count; item += 1) {
    const row = item * Const.recordFields;
    const out = item * Const.verdictFields;
    if (records[row + RecordField.isResponse] === 0) decideHomeRequest(records, row, verdicts, out, rules);
    else if ((records[row + RecordField.headers]! & HeaderFlag.proxiedAnswer) !== 0) verdicts[out + VerdictField.action] = Action.proxy;
    else if ((records[row + RecordField.headers]! & HeaderFlag.objectAnswer) !== 0) verdicts[out + VerdictField.action] = Action.object;
    else decideResponse(records, row, verdicts, out, rules);
    if (verdicts[out + VerdictField.action] === Action.object) objects += 1;
  }
  return objects;
}

export function decideHomeRequest(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
  if (isSettled(records, row, verdicts, out, rules)) return;
  if (leadsOn(records, row)) toNeighbour(records, row, verdicts, out);
  else if (isBetweenNeighbours(records, row)) fromCore(records, row, verdicts, out);
  else if (records[row + RecordField.nextRoute] === Hop.none || isForUser(records, row)) verdicts[out + VerdictField.action] = Action.object;
  else if (records[row + RecordField.fromCore] !== 0) fromCore(records, row, verdicts, out);
  else if (records[row + RecordField.method] !== Method.ack) reply(verdicts, out, 403);
}

/**
 * A neighbour's request for one of our addresses with further Route values: they stay, after the Path of the address (RFC 3327 5.4).
 * We ourselves send nothing to the hosts they name.
 */
function isForUser(records: Int32Array, row: number): boolean {
  const comesAlongUs = records[row + RecordField.fromCore] !== 0 && records[row + RecordField.ownRoutes] !== 0;
  return comesAlongUs && records[row + RecordField.nextRoute] === Hop.foreign && records[row + RecordField.uriHop] === Hop.own && records[row + RecordField.uriHasUser] !== 0;
}

/** A neighbour's request within a dialog with another neighbour that did not record-route: it goes on to the remote target (RFC 3261 12.2.1.1). */
function isBetweenNeighbours(records: Int32Array, row: number): boolean {
  const hop = records[row + RecordField.uriHop]!;
  const isNeighbour = hop === Hop.trusted || hop === Hop.upstream;
  return isNeighbour && records[row + RecordField.nextRoute] === Hop.none && records[row + RecordField.fromCore] !== 0 && records[row + RecordField.hasToTag] !== 0;
}
