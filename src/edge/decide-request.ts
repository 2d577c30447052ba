/** Decides on a request (RFC 3261 16.3-16.6 as far as a relay without forking needs it, RFC 5626 5). */
import {
  Action,
  ContactFlag,
  Edit,
  FlowFlag,
  HeaderFlag,
  Hop,
  Method,
  OptionFlag,
  RecordField,
  RouteKind,
  ScanError,
  VerdictField,
  scanErrorStatus,
} from "../native/layout.js";
import type { OutboundMode } from "./outbound.js";
import { Registering, recordRouting, registerTreatment } from "./outbound.js";
import { formsDialog, refreshesTarget } from "./methods.js";
import { relay, reply } from "./verdicts.js";
import { Front, walkRoutes, walked } from "./route-walk.js";

/** The operator's settings, and whether this process is draining. */
export interface EdgeRules {
  outbound: OutboundMode;
  /** Seconds; 0: no Flow-Timer is inserted. */
  flowTimer: number;
  draining: boolean;
  /** Another process has taken over: what is sent from here to an upstream over UDP is answered to that one. */
  isReplaced: boolean;
  /** This process has a registrar: in its dialogs a client always has its own token in front. */
  home: boolean;
}

const RETRY_AFTER_SECONDS = 10;
const SMUGGLED = HeaderFlag.serviceRoute | HeaderFlag.assertedIdentity | HeaderFlag.flowTimer;

export function decideRequest(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
  if (isSettled(records, row, verdicts, out, rules)) return;
  if (records[row + RecordField.fromCore] !== 0) fromCore(records, row, verdicts, out);
  else if (leadsOn(records, row)) toNeighbour(records, row, verdicts, out);
  else outgoing(records, row, verdicts, out, rules);
}

/**
 * What all modes have in common: validation (RFC 3261 16.3), our own Route values (16.4), and the way along a token. True: the verdict is
 * written; false: the request goes on without a token. An ACK is never answered (RFC 3261 17): one that cannot go on is dropped.
 */
export function isSettled(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): boolean {
  const method = records[row + RecordField.method]!;
  if (isFaulty(records, row, verdicts, out)) return true;
  if (method === Method.ack) return isAckSettled(records, row, verdicts, out, rules);
  let status = 0;
  if (records[row + RecordField.looped] !== 0) status = 482;
  else if (isForUs(records, row)) status = rules.draining ? 503 : 200;
  else if (records[row + RecordField.maxForwards] === 0) status = 483;
  // RFC 3261 16.3 step 5; a CANCEL follows its INVITE whatever it requires.
  else if ((records[row + RecordField.options]! & OptionFlag.proxyRequire) !== 0 && method !== Method.cancel) status = 420;
  else {
    walkRoutes(records, row);
    if (walked.forged) status = 403;
    else if (walked.unknownKey) status = 430;
    else if (rules.draining && isNew(records, row) && (rules.isReplaced || !isEmergency(records, row))) status = 503;
    else if (walked.target < 0) return false;
    else {
      incoming(records, row, verdicts, out, rules);
      return true;
    }
  }
  reply(verdicts, out, status, 0, status === 503 ? RETRY_AFTER_SECONDS : 0);
  return true;
}

function isAckSettled(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): boolean {
  if (records[row + RecordField.looped] !== 0 || records[row + RecordField.maxForwards] === 0) return true;
  walkRoutes(records, row);
  if (walked.forged || walked.unknownKey) return true;
  if (walked.target < 0) return false;
  if (!mayUseFlow(records, row, rules)) return true;
  if (walked.targetKind === RouteKind.alive) relay(verdicts, out, Action.relayToFlow, walked.target, stripOf(records, row), walked.cut);
  else if (walked.targetKind === RouteKind.elsewhere) toNode(records, row, verdicts, out);
  else if (rules.home) verdicts[out + VerdictField.action] = Action.object;
  return true;
}

function isNew(records: Int32Array, row: number): boolean {
  return records[row + RecordField.hasToTag] === 0 && records[row + RecordField.method] !== Method.cancel;
}

/** A call to urn:service:sos (RFC 5031), or the registration for one (3GPP TS 24.229): it passes as long as this process can send it on. */
function isEmergency(records: Int32Array, row: number): boolean {
  return (records[row + RecordField.headers]! & HeaderFlag.emergency) !== 0 || (records[row + RecordField.contact]! & ContactFlag.sos) !== 0;
}

/** A faulty message is answered if possible, and goes no further. */
function isFaulty(records: Int32Array, row: number, verdicts: Int32Array, out: number): boolean {
  const error = records[row + RecordField.error]!;
  if (error === ScanError.none) return false;
  const status = scanErrorStatus[error]!;
  if (records[row + RecordField.answerable] !== 0 && status !== 0) reply(verdicts, out, status, error);
  return true;
}

/** An OPTIONS for the edge itself asks whether it is alive (RFC 3261 11). */
function isForUs(records: Int32Array, row: number): boolean {
  return (
    records[row + RecordField.method] === Method.options &&
    records[row + RecordField.uriHop] === Hop.own &&
    records[row + RecordField.uriHasUser] === 0 &&
    records[row + RecordField.nextRoute] === Hop.none
  );
}

/** Follows a token. When its flow is dead, the client must not be reached any other way (RFC 5626 5.3.1). */
function incoming(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
  const method = records[row + RecordField.method]!;
  if (!mayUseFlow(records, row, rules)) return reply(verdicts, out, 403);
  if (walked.targetKind === RouteKind.elsewhere) return toNode(records, row, verdicts, out);
  if (walked.targetKind !== RouteKind.alive) {
    // The device may have another flow by now, which only a registrar knows (RFC 5626 11.5).
    if (rules.home) return void (verdicts[out + VerdictField.action] = Action.object);
    // The INVITE was answered 430 when the flow died: this CANCEL has nothing left to do (RFC 3261 9.2).
    return reply(verdicts, out, method === Method.cancel ? 200 : 430);
  }
  let edits = stripOf(records, row);
  // An edge that is in the Path stays in the dialog (RFC 3261 16.6 step 4, RFC 5626 5.3.1), also in one that a NOTIFY creates (RFC 6665 4.3).
  const recorded = isInDialog(records, row) ? refreshesTarget : formsDialog;
  if (rules.outbound !== "off" && recorded[method] === 1) edits |= Edit.recordRoute;
  relay(verdicts, out, Action.relayToFlow, walked.target, edits, walked.cut);
}

/** The token and its pair stay: they are the other edge's, which takes its place in the dialog. */
function toNode(records: Int32Array, row: number, verdicts: Int32Array, out: number): void {
  relay(verdicts, out, Action.relayToNode, walked.target, stripOf(records, row), walked.target);
}

/**
 * The core may use any token; a client only within a dialog, whose route set is the proof (OB-5.3.1-18). On an edge a registered client may
 * lack values of its own: the Contact of its call was a GRUU (OB-4.3-2).
 */
function mayUseFlow(records: Int32Array, row: number, rules: EdgeRules): boolean {
  return records[row + RecordField.fromCore] !== 0 || isMember(records, row) || (!rules.home && isRegistered(records, row) && isInDialog(records, row));
}

/**
 * Whether a client belongs to the dialog it names. Knowing the other end's values proves nothing, so its own must come first,
 * as we record-routed them. They may name an earlier flow, from the same source or of the same user, and after a restart, when no
 * earlier flow is remembered, any registered client passes.
 */
export function isMember(records: Int32Array, row: number): boolean {
  return isInDialog(records, row) && (walked.front === Front.sender || (walked.front === Front.unknown && isRegistered(records, row)));
}

/** A client's request within a dialog whose other end is a neighbour: our Record-Route, which names the neighbour, is the proof. */
export function leadsOn(records: Int32Array, row: number): boolean {
  return (records[row + RecordField.headers]! & HeaderFlag.neighbour) !== 0 && isMember(records, row);
}

export function toNeighbour(records: Int32Array, row: number, verdicts: Int32Array, out: number): void {
  const edits = stripOf(records, row) | (refreshesTarget[records[row + RecordField.method]!] === 1 ? Edit.recordRoute : 0);
  const target = records[row + RecordField.nextRouteTarget]!;
  relay(verdicts, out, target < 0 ? Action.relayToHop : Action.relayUpstream, target, edits, walked.cut);
}

function isInDialog(records: Int32Array, row: number): boolean {
  return records[row + RecordField.hasToTag] !== 0;
}

function isRegistered(records: Int32Array, row: number): boolean {
  return (records[row + RecordField.flowFlags]! & FlowFlag.registered) !== 0;
}

/** From the core without a token: on to another core address, never to a client that a URI names. */
export function fromCore(records: Int32Array, row: number, verdicts: Int32Array, out: number): void {
  const route = records[row + RecordField.nextRoute]!;
  const hop = route === Hop.none ? records[row + RecordField.uriHop]! : route;
  if (hop === Hop.upstream) {
    const target = records[row + (route === Hop.none ? RecordField.uriTarget : RecordField.nextRouteTarget)]!;
    relay(verdicts, out, Action.relayUpstream, target, 0, walked.cut);
  } else if (hop === Hop.trusted) {
    relay(verdicts, out, Action.relayToHop, -1, 0, walked.cut);
  } else if (route === Hop.none && walked.cut > 0 && isInDialog(records, row)) {
    // Our Record-Route without a token, for a Contact that is a GRUU: the upstream knows it.
    relay(verdicts, out, Action.relayUpstream, -1, 0, walked.cut);
  } else if (records[row + RecordField.method] !== Method.ack) {
    reply(verdicts, out, 404);
  }
}

/**
 * From a client: only to the upstream, whatever Route, maddr or Request-URI name. That includes a dialog without one of our Routes:
 * the ACK to a failure has none, and a client whose dialog has no Record-Route may still send everything through its edge.
 */
function outgoing(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
  const method = records[row + RecordField.method]!;
  const inDialog = records[row + RecordField.hasToTag] !== 0;
  const route = records[row + RecordField.nextRoute]!;
  const foreignRoute = route === Hop.foreign || route === Hop.trusted || route === Hop.own;
  if (foreignRoute && !(inDialog && (walked.outgoing || isRegistered(records, row)))) {
    if (method !== Method.ack) reply(verdicts, out, 403);
    return;
  }
  let edits = stripOf(records, row);
  if (records[row + RecordField.weDialled] === 0) {
    if (method === Method.register) {
      const treatment = registerTreatment(records, row, rules.outbound, walked.topOb);
      if (treatment !== Registering.none) edits |= Edit.path;
      if (treatment === Registering.outbound) edits |= Edit.pathOb | Edit.markOutbound;
      if ((records[row + RecordField.contact]! & ContactFlag.sos) !== 0) edits |= Edit.urgent;
    } else {
      edits |= recordRouting(records, row, rules.outbound, walked.topOb, walked.outgoing);
    }
    if ((records[row + RecordField.headers]! & HeaderFlag.keep) !== 0 && !inDialog && records[row + RecordField.viaCount] === 1 && method !== Method.ack) {
      edits |= Edit.keep;
    }
  }
  const target = records[row + (route === Hop.upstream ? RecordField.nextRouteTarget : RecordField.uriTarget)]!;
  relay(verdicts, out, Action.relayUpstream, target, edits, walked.cut);
}

/** Header fields that only the core may set (RFC 3325 5, RFC 5626 12) are removed from a client's request, as is the Path of a first-hop REGISTER (RFC 3327 5.1). */
export function stripOf(records: Int32Array, row: number): number {
  if (records[row + RecordField.fromCore] !== 0) return 0;
  const headers = records[row + RecordField.headers]!;
  const isFirstHopRegister = records[row + RecordField.method] === Method.register && records[row + RecordField.viaCount] === 1;
  return ((headers & SMUGGLED) !== 0 ? Edit.stripClient : 0) | (isFirstHopRegister && (headers & HeaderFlag.path) !== 0 ? Edit.stripPath : 0);
}
