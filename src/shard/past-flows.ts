/**
 * Connections of an earlier run of this node: the bindings in a shared store say who registered over them, so that requests with their tokens
 * follow the device to its new connection. The embedded store does the same in native/core/home/past_flows.h.
 */
import { lifeline } from "../location/binding.js";
import type { LocationStore } from "../location/store.js";
import { ownerOf } from "../proxy/target.js";

/** Addresses of record that are read at once. */
const SLICE = 100;

export interface PastFlowsNeeds {
  readonly store: LocationStore;
  /** False: the flow is none of an earlier run. */
  readonly learn: (flow: string, owner: string) => boolean;
  /** Whether to go on. */
  readonly isWanted: () => boolean;
}

/** Bindings that only such a connection kept alive are removed, unless they belong to an instance (RFC 5626 6), whose next REGISTER replaces them. */
export async function learnPastFlows({ store, learn, isWanted }: PastFlowsNeeds): Promise<void> {
  for (const binding of await store.past()) if (binding.flow !== undefined) learn(binding.flow, ownerOf(binding));
  for (let from = ""; isWanted(); ) {
    const { aors, next } = await store.addresses(from);
    for (let at = 0; at < aors.length && isWanted(); at += SLICE) {
      const found = await Promise.all(aors.slice(at, at + SLICE).map((aor) => store.lookup(aor)));
      for (const binding of found.flat()) {
        if (binding.flow === undefined || binding.node !== store.node || !learn(binding.flow, ownerOf(binding))) continue;
        if (!binding.outbound && lifeline(binding) !== undefined) await store.remove(binding.aor, binding.key, binding.updatedAt);
      }
    }
    if (next === "") return;
    from = next;
  }
}
