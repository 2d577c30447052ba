/** The effect of a method on the flows of a dialog (RFC 3261 12, RFC 3515, RFC 6665). */
import { Method } from "../native/layout.js";

function table(...methods: readonly number[]): Uint8Array {
  const flags = new Uint8Array(Object.keys(Method).length);
  for (const method of methods) flags[method] = 1;
  return flags;
}

/** Methods that create a dialog, and unknown ones, which may (RFC 5626 4.3, RFC 3261 16.6 step 4). */
export const formsDialog = table(Method.invite, Method.subscribe, Method.refer, Method.notify, Method.unknown);

/** Methods that refresh the remote target, so they carry the current token too (OB-5.3-7). */
export const refreshesTarget = table(Method.invite, Method.update, Method.subscribe, Method.refer, Method.notify);
