/** Who gets outbound: the decision of RFC 5626 5.1 and 5.3.2, and what deployed clients need beyond it. */
import { ContactFlag, Edit, FlowFlag, Method, OptionFlag, RecordField } from "../native/layout.js";
import { formsDialog, refreshesTarget } from "./methods.js";

export type OutboundMode = "auto" | "force" | "off";

/** How to treat a REGISTER. */
export const Registering = { none: 0, path: 1, outbound: 2 } as const;

/**
 * The first hop is the one that sees exactly one Via (RFC 5626 5.1). A REGISTER asks for outbound by reg-id, by `;ob`, or, for `Contact: *`,
 * by its Supported. Every other REGISTER gets a plain Path: only we have the flow, so without a Path a client that got its 200 could not
 * be called.
 */
export function registerTreatment(records: Int32Array, row: number, mode: OutboundMode, topOb: boolean): number {
  if (mode === "off" || records[row + RecordField.viaCount] !== 1) return Registering.none;
  const contact = records[row + RecordField.contact]!;
  const options = records[row + RecordField.options]!;
  if ((contact & (ContactFlag.regId | ContactFlag.ob)) !== 0 || topOb) return Registering.outbound;
  if ((contact & ContactFlag.star) !== 0 && (options & OptionFlag.supportedOutbound) !== 0) return Registering.outbound;
  return Registering.path;
}

/**
 * How to record-route a client's request other than REGISTER: with the token of its flow, without one, or (0) not at all. A flow on which a
 * REGISTER succeeded counts as outbound afterwards, since most phones never write `;ob`. A GRUU Contact finds the client again when
 * the flow is lost, and a token would prevent that (OB-4.3-2); but the edge stays in the dialog, because only it reaches the core.
 */
export function recordRouting(records: Int32Array, row: number, mode: OutboundMode, topOb: boolean, onOwnRoute: boolean): number {
  const method = records[row + RecordField.method]!;
  if (mode === "off" || method === Method.register) return 0;
  const inDialog = records[row + RecordField.hasToTag] !== 0;
  if (inDialog ? refreshesTarget[method] !== 1 : formsDialog[method] !== 1 || records[row + RecordField.viaCount] !== 1) return 0;
  const contact = records[row + RecordField.contact]!;
  if (mode === "force" || (contact & ContactFlag.ob) !== 0 || (inDialog ? onOwnRoute : topOb)) return Edit.recordRoute;
  if ((records[row + RecordField.flowFlags]! & FlowFlag.registered) === 0) return 0;
  return (contact & ContactFlag.gruu) === 0 ? Edit.recordRoute : Edit.bareRecordRoute;
}
