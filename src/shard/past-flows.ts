/**
 * Connections of an earlier run of this node: the bindings in a shared store say who registered over them, so that requests with their tokens
 * follow the device to its new connection. The embedded store does the same in native/core/home/past_flows.h.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { lifeline } from "../location/binding.js";
import { type LocationStore, StoreUnavailable } from "../location/store.js";
import { ownerOf } from "../proxy/target.js";

/** Addresses of record that are read at once. */
const SLICE = 100;
/** A store that is away now, as after a power cut, may come back. */
const PAUSE_MS = 2_000;
/** A page of addresses of which none can be read is tried so many times. */
const TRIES = 3;

export interface PastFlowsNeeds {
  readonly store: LocationStore;
  /** False: the flow is none of an earlier run. */
  readonly learn: (flow: string, owner: string) => boolean;
  /** Whether to go on. */
  readonly isWanted: () => boolean;
  /** Called for an address of record that cannot be read. */
  readonly report: (error: unknown) => void;
  readonly pauseMs?: number;
}

/** Bindings that only such a connection kept alive are removed, unless they belong to an instance (RFC 5626 6), whose next REGISTER replaces them. */
export async function learnPastFlows(needs: PastFlowsNeeds): Promise<void> {
  const { store, learn, isWanted } = needs;
  const ended = await whenItAnswers(needs, () => store.past());
  for (const binding of ended ?? []) if (binding.flow !== undefined) learn(binding.flow, ownerOf(binding));
  for (let from = "", tries = 1; isWanted(); ) {
    const page = await whenItAnswers(needs, () => store.addresses(from));
    if (page === undefined) return;
    if (!(await learnFrom(page.aors, needs)) && tries < TRIES) {
      tries += 1;
      await pause(needs);
      continue;
    }
    if (page.next === "") return;
    [from, tries] = [page.next, 1];
  }
}

/** False: the store has gone away. An address that it cannot read is left out. */
async function learnFrom(aors: readonly string[], { store, learn, isWanted, report }: PastFlowsNeeds): Promise<boolean> {
  for (let at = 0; at < aors.length && isWanted(); at += SLICE) {
    const found = await Promise.allSettled(aors.slice(at, at + SLICE).map((aor) => store.lookup(aor)));
    if (found.every((one) => one.status === "rejected" && one.reason instanceof StoreUnavailable)) return false;
    for (const one of found) {
      if (one.status === "rejected") {
        report(one.reason);
        continue;
      }
      for (const binding of one.value) {
        if (binding.flow === undefined || binding.node !== store.node || !learn(binding.flow, ownerOf(binding))) continue;
        if (!binding.outbound && lifeline(binding) !== undefined) await store.remove(binding.aor, binding.key, binding.updatedAt).catch(report);
      }
    }
  }
  return true;
}

/** Undefined: it is not wanted any more. */
async function whenItAnswers<T>(needs: PastFlowsNeeds, ask: () => Promise<T>): Promise<T | undefined> {
  while (needs.isWanted()) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      await pause(needs);
    }
  }
  return undefined;
}

async function pause({ pauseMs = PAUSE_MS }: PastFlowsNeeds): Promise<void> {
  await sleep(pauseMs, undefined, { ref: false });
}
