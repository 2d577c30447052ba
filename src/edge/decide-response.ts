/** Decides on a response (RFC 3261 16.7 and 16.11, RFC 5626 5.4 and 11.5, RFC 6223). */
import { Edit, FlowFlag, HeaderFlag, Method, OptionFlag, RecordField } from "../native/layout.js";
import type { EdgeRules } from "./decide-request.js";
import { relayResponse } from "./verdicts.js";

/** The interval for a client that asked for keep-alives in its Via where no Flow-Timer is set; it is supervised by that. */
const KEEP_SECONDS = 30;

export function decideResponse(records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
  const status = records[row + RecordField.status]!;
  // RFC 4320 4.1 forbids these, and a 100 is hop by hop.
  if (status < 200 && records[row + RecordField.method] !== Method.invite) return;
  if (records[row + RecordField.toClient] === 0) return relayResponse(verdicts, out, 0, 0);
  // RFC 5626 11.5: an endpoint should never see 430.
  if (status === 430) return relayResponse(verdicts, out, Edit.as480, 0);
  if (status < 200 || status >= 300) return relayResponse(verdicts, out, 0, 0);
  const headers = records[row + RecordField.headers]!;
  const keep = (headers & HeaderFlag.keep) !== 0;
  if (records[row + RecordField.method] !== Method.register) {
    const interval = rules.flowTimer > 0 ? rules.flowTimer : KEEP_SECONDS;
    return relayResponse(verdicts, out, keep ? Edit.supervise : 0, keep ? interval : 0);
  }

  let edits = (records[row + RecordField.flowFlags]! & FlowFlag.outbound) !== 0 ? Edit.markOutbound | Edit.markRegistered : 0;
  // Our Via and the client's: we are the first hop and added a Path.
  if (rules.outbound !== "off" && records[row + RecordField.viaCount] === 2) edits |= Edit.markRegistered;
  const given = records[row + RecordField.flowTimer]!;
  if ((headers & HeaderFlag.flowTimer) !== 0 && given <= 0) edits |= Edit.stripFlowTimer;
  let seconds = 0;
  // RFC 5626 5.4: only in a 2xx whose Require has outbound.
  if (rules.flowTimer > 0 && (records[row + RecordField.options]! & OptionFlag.requireOutbound) !== 0) {
    seconds = given > 0 && given < rules.flowTimer ? given : rules.flowTimer;
    edits |= Edit.flowTimer;
  } else if (keep) {
    seconds = rules.flowTimer > 0 ? rules.flowTimer : KEEP_SECONDS;
    edits |= Edit.supervise;
  }
  relayResponse(verdicts, out, edits, seconds);
}
