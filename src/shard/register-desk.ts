/** Where a shard decides which REGISTERs are carried out by C++, on the same table as the object path's. */
import type { Location, Shard } from "../native/binding.js";
import { Const, HeaderFlag, RecordField, RegisterField, RegisterState } from "../native/layout.js";
import { showHost } from "../registrar/address-of-record.js";
import { decideRegister } from "../registrar/decide-register.js";
import { type RegistrarOptions, supportedBy } from "../registrar/registrar-options.js";

export interface RegisterDeskNeeds {
  readonly shard: Pick<Shard, "serveRegisters" | "setRegisters">;
  readonly table: Location;
  /** Of temporary GRUUs. */
  readonly gruuKey: Uint8Array;
  readonly servesOutbound: boolean;
}

export class RegisterDesk {
  readonly #rows = new Int32Array(Const.batchSize * Const.registerFields);
  /** How many REGISTERs of an address of record the object path has not finished: what comes after them is not to overtake them. */
  readonly #held = new Map<number, number>();
  readonly #shard: RegisterDeskNeeds["shard"];
  readonly #servesOutbound: boolean;
  #options: RegistrarOptions | undefined;

  constructor({ shard, table, gruuKey, servesOutbound }: RegisterDeskNeeds) {
    this.#shard = shard;
    this.#servesOutbound = servesOutbound;
    shard.serveRegisters(table, this.#rows, gruuKey);
  }

  /** Applies from the next batch on. `keepSeconds`: the answer to a sender who asks for keep-alives. */
  configure(options: RegistrarOptions, keepSeconds: number): void {
    const { domains, maxContacts, maxFlows } = options;
    // Without domains of its own it takes every host for one of them, and whoever has to prove who he is does so on the object path.
    this.#options = domains.isEmpty || options.authenticator !== undefined ? undefined : options;
    const shown = domains.names.map(([name, realm]) => [name, realm === undefined ? "" : showHost(realm)] as const);
    this.#shard.setRegisters({ domains: shown, maxContacts, maxFlows, keepSeconds, supported: supportedBy(options).join(", ") });
  }

  /** Takes one message of the batch if numbers are enough for it. */
  takes(item: number, records: Int32Array, verdicts: Int32Array): boolean {
    const register = item * Const.registerFields;
    const state = this.#rows[register + RegisterField.state];
    if (this.#options === undefined || (state !== RegisterState.open && state !== RegisterState.answered)) return false;
    const record = item * Const.recordFields;
    if ((records[record + RecordField.headers]! & HeaderFlag.strictUri) !== 0 || this.#held.has(this.whoOf(item))) return false;
    const row = { records, record, registers: this.#rows, register };
    return decideRegister(row, verdicts, item * Const.verdictFields, this.#options, this.#servesOutbound, Math.random());
  }

  /** Names the address of record of a REGISTER of the batch; 0: it cannot be told. */
  whoOf(item: number): number {
    return this.#rows[item * Const.registerFields + RegisterField.who]!;
  }

  /** The object path has a REGISTER of that address. */
  hold(who: number): void {
    if (who !== 0) this.#held.set(who, (this.#held.get(who) ?? 0) + 1);
  }

  release(who: number): void {
    const left = (this.#held.get(who) ?? 0) - 1;
    if (left > 0) this.#held.set(who, left);
    else this.#held.delete(who);
  }
}
