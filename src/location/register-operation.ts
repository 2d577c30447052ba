/** What one REGISTER does to the bindings of an address of record (RFC 3261 10.3 steps 6 and 7): the heart of the atomic section. */
import type { Binding } from "./binding.js";
import { sameBinding } from "./binding-key.js";
import type { RegisterOperation, SaveResult } from "./store.js";

/** `alive`: the bindings that are stored and have not expired. register.lua does the same in Redis; a property test compares both. */
export function applyOperation(alive: readonly Binding[], operation: RegisterOperation): SaveResult {
  const { everything, put, drop } = operation;
  const concerned = everything ? alive : alive.filter(({ key }) => names(drop, key) || put.some((one) => sameBinding(one.key, key)));
  const isLate = ({ callId, cseq }: Binding): boolean => callId === operation.callId && operation.cseq <= cseq;
  if (concerned.some(isLate)) return { outcome: "out-of-order" };
  if (everything) return { outcome: "saved", bindings: [] };
  const kept = alive.filter(({ key }) => !names(drop, key));
  const bindings = put.reduce<readonly Binding[]>((all, one) => [...all.filter(({ key }) => !sameBinding(key, one.key)), one], kept);
  return isFull(alive, bindings, operation) ? { outcome: "full" } : { outcome: "saved", bindings };
}

function names(keys: readonly string[], key: string): boolean {
  return keys.some((one) => sameBinding(one, key));
}

// Who is over a limit that was lowered may still refresh and replace, but not grow.
function isFull(before: readonly Binding[], after: readonly Binding[], { put, maxContacts, maxFlows }: RegisterOperation): boolean {
  if (after.length > maxContacts && after.length > before.length) return true;
  return put.some(({ instance, outbound }) => {
    if (!outbound) return false;
    const flowsOf = (all: readonly Binding[]): number => all.filter((one) => one.outbound && one.instance === instance).length;
    return flowsOf(after) > maxFlows && flowsOf(after) > flowsOf(before);
  });
}
