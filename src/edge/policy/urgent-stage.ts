/** A registrar or standalone server asks the operator's hook about what its drain turns away, and about nothing else: as long as it does not drain, the hook costs nothing. */
import { stackOf } from "../../base/message-of.js";
import type { Shard } from "../../native/binding.js";
import type { ShardConfig } from "../../native/shard-settings.js";
import { Action, Const, RecordField, VerdictField } from "../../native/layout.js";
import { decideHome, decideHomeRequest } from "../decide-home.js";
import type { EdgeRules } from "../decide-request.js";
import { failRow } from "../verdicts.js";
import { type Policy, loadPolicy, saidAtOnce } from "./hooks.js";
import { PolicyRequest } from "./policy-request.js";

type IsUrgent = NonNullable<Policy["isUrgent"]>;

/** Throws one line when the module has another hook. */
export async function loadUrgentStage(url: string, shard: Shard, config: ShardConfig, onFault: (message: string) => void): Promise<UrgentStage> {
  const { isUrgent, ...others } = await loadPolicy(url);
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Error(`SLUICE_POLICY: the hook ${other} is for an edge; a registrar or standalone server asks isUrgent alone`);
  return new UrgentStage(isUrgent ?? (() => undefined), shard, config, onFault);
}

class UrgentStage {
  readonly #isUrgent: IsUrgent;
  readonly #shard: Shard;
  readonly #config: ShardConfig;
  readonly #onFault: (message: string) => void;

  constructor(isUrgent: IsUrgent, shard: Shard, config: ShardConfig, onFault: (message: string) => void) {
    this.#isUrgent = isUrgent;
    this.#shard = shard;
    this.#config = config;
    this.#onFault = onFault;
  }

  /** As decideHome(). */
  decide(records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules): number {
    let objects = decideHome(records, verdicts, count, rules);
    if (!rules.draining || rules.isReplaced) return objects;
    for (let item = 0; item < count; item += 1) {
      const row = item * Const.recordFields;
      const out = item * Const.verdictFields;
      const isTurnedAway = records[row + RecordField.isResponse] === 0 && verdicts[out + VerdictField.action] === Action.reply && verdicts[out + VerdictField.status] === 503;
      if (!isTurnedAway) continue;
      // A hook that throws costs its own request a 500 and no other.
      try {
        if (!this.#asks(item, records, row)) continue;
        verdicts.fill(0, out, out + Const.verdictFields);
        decideHomeRequest(records, row, verdicts, out, { ...rules, draining: false });
        if (verdicts[out + VerdictField.action] === Action.object) objects += 1;
      } catch (error) {
        this.#onFault(stackOf(error));
        failRow(records, row, verdicts, out);
      }
    }
    return objects;
  }

  #asks(item: number, records: Int32Array, row: number): boolean {
    const source = this.#shard.source(item);
    const { transport } = this.#config.listeners[source.listener]!;
    return saidAtOnce("isUrgent", this.#isUrgent(new PolicyRequest(this.#shard.message(item), { ...source, transport }, [], records, row))) === true;
  }
}
