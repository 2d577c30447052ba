/** Bindings and operations for the tests of the location store. */
import type { Binding } from "../../src/location/binding.js";
import { contactKey, flowKey } from "../../src/location/binding-key.js";
import type { LocationStore, RegisterOperation } from "../../src/location/store.js";
import { parseUri } from "../../src/sip/uri.js";

export const AOR = "sip:bob@example.org";

export function plainBinding(store: LocationStore, contactUri: string, differences: Partial<Binding> = {}): Binding {
  const uri = parseUri(contactUri);
  if (uri === undefined) throw new Error(`${contactUri} is no URI`);
  const now = store.now();
  return {
    aor: AOR,
    key: contactKey(uri),
    contactUri,
    contactParams: "",
    path: [],
    q: 1_000,
    expiresAt: now + 3_600_000,
    updatedAt: now,
    callId: "call",
    cseq: 1,
    outbound: false,
    node: store.node ?? "node-one",
    ...differences,
  };
}

export function flowBinding(store: LocationStore, instance: string, regId: number, differences: Partial<Binding> = {}): Binding {
  const base = plainBinding(store, `sip:${regId}@192.0.2.1`);
  return { ...base, key: flowKey(instance, regId), instance, regId, outbound: true, ...differences };
}

export function operation(differences: Partial<RegisterOperation>): RegisterOperation {
  const [first] = differences.put ?? [];
  const { callId, cseq } = first ?? { callId: "call", cseq: 1 };
  return { callId, cseq, everything: false, put: [], drop: [], maxContacts: 10, maxFlows: 4, ...differences };
}

/** For comparison: the order of bindings does not matter. */
export function byKey(bindings: readonly Binding[]): readonly Binding[] {
  return [...bindings].sort((one, other) => (one.key < other.key ? -1 : 1));
}
