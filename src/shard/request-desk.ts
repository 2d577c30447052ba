/** Decides for a shard which requests to our users C++ proxies, with the bindings of the object path (docs/decisions/requests-by-numbers.md). */
import type { LocationStore } from "../location/store.js";
import type { Shard } from "../native/binding.js";
import type { Location } from "../native/location-handle.js";
import type { RequestSettings } from "../native/object-port.js";
import { Action, CallerFlag, Const, RequestField, RequestState, VerdictField } from "../native/layout.js";
import { type AdmissionOptions, admits } from "../proxy/admission.js";

export interface RequestDeskNeeds {
  readonly shard: Pick<Shard, "serveRequests" | "shareRequests" | "answerRequests" | "setRequests">;
  readonly bindings: Location | SharedLookups;
  /** Whether a request of the batch has correct credentials for its From, which this uses up. */
  readonly proves: (item: number) => boolean;
}

/** Bindings that other nodes change as well. */
export interface SharedLookups extends Pick<LocationStore, "remove"> {
  readonly node: string;
  readonly find: (aors: readonly string[]) => Promise<Uint8Array>;
  /** The store did not answer. */
  readonly onFault: (error: unknown) => void;
}

/** Lines about each binding that led nowhere. */
const REMOVAL_LINES = 3;

export interface RequestRules extends Pick<AdmissionOptions, "foreignCallers"> {
  /** False leaves all to the object path. Without a domain of its own, a registrar serves every host, which C++ cannot look up. */
  readonly isOpen: boolean;
  readonly authenticates: boolean;
  readonly settings: RequestSettings;
}

export class RequestDesk {
  readonly #rows = new Int32Array(Const.batchSize * Const.requestFields);
  readonly #needs: RequestDeskNeeds;
  #rules: RequestRules | undefined;
  /** Answers that came after the shard had stopped; undefined: it works. */
  #kept: (() => void)[] | undefined;

  constructor(needs: RequestDeskNeeds) {
    this.#needs = needs;
    if ("find" in needs.bindings) this.#share(needs.bindings);
    else needs.shard.serveRequests(needs.bindings, this.#rows);
  }

  #share({ node, find, remove, onFault }: SharedLookups): void {
    const { shard } = this.#needs;
    const carry = async (batch: number, aors: string, removals: string): Promise<void> => {
      for (const [aor, key, updated] of removalsIn(removals)) remove(aor, key, updated).catch(onFault);
      const asked = aors.split("\n").slice(0, -1);
      if (asked.length === 0) return;
      const outcomes = await find(asked).catch(onFault);
      const tell = (): void => shard.answerRequests(batch, outcomes ?? undefined);
      if (this.#kept === undefined) tell();
      else this.#kept.push(tell);
    };
    shard.shareRequests(this.#rows, node, (batch, aors, removals) => void carry(batch, aors, removals).catch(onFault));
  }

  /** The next process asks again for whoever waits (`Proxying::adopt`), so an answer that comes here would make a second copy of the request. */
  hold(): void {
    this.#kept ??= [];
  }

  /** No other process took over. */
  goOn(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const tell of kept) tell();
  }

  /** Its caller was admitted before it waited for the store. */
  isAdmitted(item: number): boolean {
    return this.#rows[item * Const.requestFields + RequestField.state] === RequestState.admitted;
  }

  /** C++ has request `item` of the batch, which the object path has decided. */
  carries(item: number): void {
    this.#rows[item * Const.requestFields + RequestField.state] = RequestState.own;
  }

  /** C++ has the first message of its transaction, which is in the same batch: so it gets this one, too. */
  follows(item: number): boolean {
    const twin = this.#rows[item * Const.requestFields + RequestField.twin]!;
    return twin !== 0 && this.#rows[(twin - 1) * Const.requestFields + RequestField.state] === RequestState.own;
  }

  /** Applies from the next batch on. */
  configure(rules: RequestRules): void {
    this.#rules = rules;
    this.#needs.shard.setRequests(rules.settings);
  }

  /** Numbers take requests. */
  get isOpen(): boolean {
    return this.#rules?.isOpen === true;
  }

  /** Writes the verdict on a request of the batch if numbers are enough; else the object path has to decide. */
  takes(item: number, verdicts: Int32Array): boolean {
    const row = item * Const.requestFields;
    const state = this.#rows[row + RequestField.state];
    const twin = this.#rows[row + RequestField.twin]!;
    const isTaken = twin !== 0 ? verdicts[(twin - 1) * Const.verdictFields + VerdictField.action] === Action.proxy : state === RequestState.own || (state === RequestState.open && this.#admits(item));
    if (isTaken) verdicts[item * Const.verdictFields + VerdictField.action] = Action.proxy;
    return isTaken;
  }

  #admits(item: number): boolean {
    if (this.#rules?.isOpen !== true) return false;
    const caller = this.#rows[item * Const.requestFields + RequestField.caller]!;
    const { authenticates, foreignCallers } = this.#rules;
    const isCallerOurs = (caller & CallerFlag.ours) !== 0;
    const admitted = admits({ isCallerOurs, isCalleeOurs: true, isVouched: (caller & CallerFlag.vouched) !== 0, authenticates, foreignCallers });
    // Last, because it uses up the credentials.
    return admitted === "yes" || (admitted === "proof" && isCallerOurs && this.#needs.proves(item));
  }
}

function removalsIn(text: string): readonly (readonly [aor: string, key: string, updated: number])[] {
  const lines = text.split("\n").slice(0, -1);
  return Array.from({ length: Math.floor(lines.length / REMOVAL_LINES) }, (_, index) => {
    const at = index * REMOVAL_LINES;
    return [lines[at] ?? "", lines[at + 1] ?? "", Number(lines[at + 2])];
  });
}
