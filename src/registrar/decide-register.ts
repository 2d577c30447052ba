/**
 * The registrar over numbers (RFC 3261 10.3, RFC 5626 6): decides what to grant to a REGISTER that C++ has read. The rules are those of the
 * object path; whatever they refuse goes there, because it also says why.
 */
import { Action, RegisterGrant, RecordField, RegisterField, RegisterFlag, VerdictField } from "../native/layout.js";
import { TOO_BRIEF, secondsFor } from "./expiry.js";
import { Outbound, isFirstHopOutbound, useOfOutbound } from "./outbound.js";
import { PathUse, useOfPath } from "./path-use.js";
import type { RegistrarOptions } from "./registrar-options.js";

/** The rows of one message in the tables of numbers. */
export interface RegisterRow {
  readonly records: Int32Array;
  readonly record: number;
  readonly registers: Int32Array;
  readonly register: number;
}

/** Writes the verdict at `out`; false: the object path has to decide. `servesOutbound`: flows of our own can be outbound. */
export function decideRegister(row: RegisterRow, verdicts: Int32Array, out: number, options: RegistrarOptions, servesOutbound: boolean, chance: number): boolean {
  const { records, record, registers, register } = row;
  const flags = registers[register + RegisterField.flags] ?? 0;
  const isEdge = records[record + RecordField.fromCore] !== 0;
  const isFirstHop = records[record + RecordField.viaCount] === 1;
  if ((flags & RegisterFlag.path) !== 0 && useOfPath(options.pathMode, isEdge, (flags & RegisterFlag.supportsPath) !== 0) !== PathUse.kept) return false;
  const supportsOutbound = (flags & RegisterFlag.supportsOutbound) !== 0;
  const isFlow = (flags & RegisterFlag.flow) !== 0;
  if (isFlow) {
    const hopHasIt = isFirstHop ? servesOutbound && !isEdge : isFirstHopOutbound(flags, options.obPathCheck);
    // Without a flow, the URI is the binding's key, and C++ has not made one from it.
    if (useOfOutbound(options.outbound, hopHasIt, supportsOutbound) !== Outbound.flow) return false;
  }
  const asked = registers[register + RegisterField.asked] ?? 0;
  const seconds = secondsFor(asked < 0 ? options.defaultExpires : asked, options, chance);
  if (seconds === TOO_BRIEF) return false;
  const requiresOutbound = isFlow && supportsOutbound;
  verdicts[out + VerdictField.action] = Action.register;
  verdicts[out + VerdictField.target] = seconds;
  verdicts[out + VerdictField.edits] =
    (isFlow ? RegisterGrant.outbound : 0) | (requiresOutbound ? RegisterGrant.requireOutbound : 0) | ((flags & RegisterFlag.supportsGruu) !== 0 ? RegisterGrant.gruu : 0);
  verdicts[out + VerdictField.flowTimer] = requiresOutbound && isFirstHop ? options.flowTimer : 0;
  return true;
}
