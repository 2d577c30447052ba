/** Who gets outbound: the decision of RFC 5626 5.1 and 5.3.2, and what deployed clients need beyond it. */
import { ContactFlag, FlowFlag, Method, OptionFlag, RecordField } from "../native/layout.js";
import { formsDialog, refreshesTarget } from "./methods.js";

export type OutboundMode = "auto" | "force" | "off";

/** How a REGISTER is to be treated. */
export const Registering = { none: 0, path: 1, outbound: 2 } as const;

/**
 * First hop is whoever sees exactly one Via (RFC 5626 5.1). A REGISTER asks for outbound by reg-id, by `;ob`, or, for `Contact: *`,
 * by its Supported. Everybody else gets a plain Path: nobody but us has the flow, so without it a client that was answered 200 could not
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
 * Whether a client's request outside REGISTER gets Record-Route with the token of its flow. A flow on which a REGISTER went through counts
 * for what comes later on it, since most phones never write `;ob`; a GRUU Contact speaks for itself (OB-4.3-2).
 */
export function needsRecordRoute(records: Int32Array, row: number, mode: OutboundMode, topOb: boolean, onOwnRoute: boolean): boolean {
  const method = records[row + RecordField.method]!;
  if (mode === "off" || method === Method.register) return false;
  const contact = records[row + RecordField.contact]!;
  const flow = records[row + RecordField.flowFlags]!;
  const registered = (flow & FlowFlag.registered) !== 0 && (contact & (ContactFlag.gruu | ContactFlag.ob)) !== ContactFlag.gruu;
  if (records[row + RecordField.hasToTag] !== 0) {
    return refreshesTarget[method] === 1 && (onOwnRoute || registered || mode === "force" || (contact & ContactFlag.ob) !== 0);
  }
  if (formsDialog[method] !== 1 || records[row + RecordField.viaCount] !== 1) return false;
  return mode === "force" || registered || topOb || (contact & ContactFlag.ob) !== 0;
}
