/** Decides for a shard which requests to our users C++ proxies, with the bindings of the object path (docs/decisions/requests-by-numbers.md). */
import type { Shard } from "../native/binding.js";
import type { Location } from "../native/location-handle.js";
import type { RequestSettings } from "../native/object-port.js";
import { Action, CallerFlag, Const, RequestField, RequestState, VerdictField } from "../native/layout.js";
import { type AdmissionOptions, admits } from "../proxy/admission.js";

export interface RequestDeskNeeds {
  readonly shard: Pick<Shard, "serveRequests" | "setRequests">;
  readonly table: Location;
  /** Whether a request of the batch has correct credentials for its From, which this uses up. */
  readonly proves: (item: number) => boolean;
}

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

  constructor(needs: RequestDeskNeeds) {
    this.#needs = needs;
    needs.shard.serveRequests(needs.table, this.#rows);
  }

  /** Applies from the next batch on. */
  configure(rules: RequestRules): void {
    this.#rules = rules;
    this.#needs.shard.setRequests(rules.settings);
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
