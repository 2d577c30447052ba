/**
 * The direction of a request, read from our own URIs at the head of its Route set (RFC 5626 5.3, RFC 5658, decision D5): the client
 * side's URI on top means outgoing, the core side's incoming; with one URI alone the RFC's rule holds, source equal to token.
 */
import { RecordField, RouteFlag, RouteKind } from "../native/layout.js";

const KIND = 0xf;

/** Which of our values come first: none, those of someone else's flow, of a flow no longer known, or of the sender's flow. */
export const Front = { none: 0, stranger: 1, unknown: 2, sender: 3 } as const;

/** The result of the walk; one object, reused for every request. */
export const walked = {
  /** Index of the incoming route value, -1: none. */
  target: -1,
  targetKind: 0 as number,
  /** The number of leading own values to remove. */
  cut: 0,
  /** A value in our name was forged. */
  forged: false,
  /** A value has a token that no key of the ring made. */
  unknownKey: false,
  /** An own value was outgoing: the sender has, or had, a flow of ours. */
  outgoing: false,
  /** Whose value comes first. */
  front: 0 as number,
  /** The top own value has `ob`. */
  topOb: false,
  /** The incoming value, or its pair, has `ob`. */
  targetOb: false,
};

export function walkRoutes(records: Int32Array, row: number): void {
  walked.target = -1;
  walked.targetKind = RouteKind.plain;
  walked.cut = 0;
  walked.forged = false;
  walked.unknownKey = false;
  walked.outgoing = false;
  walked.front = Front.none;
  walked.targetOb = false;
  const count = records[row + RecordField.ownRoutes]!;
  walked.topOb = count > 0 && (records[row + RecordField.route0]! & RouteFlag.ob) !== 0;
  // If one of them is forged, the others cannot be trusted either.
  for (let at = 0; at < count; at += 1) {
    if ((records[row + RecordField.route0 + at]! & KIND) === RouteKind.forged) walked.forged = true;
  }
  if (walked.forged) return;
  let at = 0;
  let fromSource = false;
  while (at < count) {
    const value = records[row + RecordField.route0 + at]!;
    const kind = value & KIND;
    if (kind === RouteKind.unknownKey) {
      walked.unknownKey = true;
      return;
    }
    if (kind === RouteKind.plain) {
      at += 1;
      walked.cut = at;
      continue;
    }
    const second = at + 1 < count ? records[row + RecordField.route0 + at + 1]! : 0;
    const paired = (second & RouteFlag.pair) !== 0;
    const outgoing = paired ? (value & RouteFlag.coreSide) === 0 : (value & RouteFlag.source) !== 0;
    const past = at + (paired ? 2 : 1);
    walked.cut = past;
    if (!outgoing) {
      walked.target = at;
      walked.targetKind = kind;
      walked.targetOb = ((value | (paired ? second : 0)) & RouteFlag.ob) !== 0;
      // Swapping the callee's own pair and putting it in front proves nothing.
      if ((value & RouteFlag.again) !== 0 && !fromSource) walked.front = Front.none;
      return;
    }
    if (!walked.outgoing) {
      fromSource = (value & RouteFlag.source) !== 0;
      walked.front = (value & RouteFlag.stranger) !== 0 ? Front.stranger : (value & RouteFlag.unknown) !== 0 ? Front.unknown : Front.sender;
    }
    walked.outgoing = true;
    at = past;
  }
}
