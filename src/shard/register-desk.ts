/** Decides for a shard which REGISTERs C++ carries out, on the same table as the object path. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Authenticator } from "../auth/authenticator.js";
import type { Ha1List } from "../auth/credential-store.js";
import type { DigestAlgorithm } from "../auth/digest.js";
import type { StoreBatches } from "../location/store.js";
import type { Shard } from "../native/binding.js";
import type { Location } from "../native/location-handle.js";
import type { SharedNode } from "../native/object-port.js";
import { Action, Const, HeaderFlag, LoginState, RecordField, RegisterField, RegisterFlag, RegisterGrant, RegisterState, VerdictField } from "../native/layout.js";
import { shownNames } from "../registrar/address-of-record.js";
import { decideRegister } from "../registrar/decide-register.js";
import { type RegistrarOptions, supportedBy } from "../registrar/registrar-options.js";

/** In the order of `DigestAlgorithm` in native/core/home/digest.h. */
const DIGESTS: readonly DigestAlgorithm[] = ["MD5", "SHA-256"];

/** So many users of a store that does not name them are known to C++ at a time. */
const OTHERS_USERS = 32_768;

/** As `learnHa1s` reads them. Nothing, if a store has a name or an HA1 in which a line ends: it would be read as what is known of somebody else. */
function linesOf(user: string, realm: string, ha1: string): string {
  return user.includes("\n") || realm.includes("\n") || !/^[0-9a-f]*$/i.test(ha1) ? "" : `${user}\n${realm}\n${ha1}\n`;
}

export interface RegisterDeskNeeds {
  readonly shard: Pick<Shard, "serveRegisters" | "shareRegisters" | "setStoreClock" | "answerRegisters" | "setRegisters" | "offerLogins" | "checkLogin" | "loginOf" | "learnHa1s" | "startHa1s" | "wipeHa1s">;
  readonly bindings: Location | SharedBindings;
  /** For temporary GRUUs. */
  readonly gruuKey: Uint8Array;
  readonly servesOutbound: boolean;
}

/** Bindings that other nodes change as well. */
export interface SharedBindings {
  readonly node: SharedNode;
  readonly batches: StoreBatches;
  /** The store did not answer. */
  readonly onFault: (error: unknown) => void;
}

export class RegisterDesk {
  readonly #rows = new Int32Array(Const.batchSize * Const.registerFields);
  /** How many REGISTERs of an address of record the object path has not finished; later ones must not overtake them. */
  readonly #held = new Map<number, number>();
  /** Addresses with a REGISTER of this batch that the object path will take. */
  readonly #left = new Set<number>();
  readonly #shard: RegisterDeskNeeds["shard"];
  #saving = 0;
  readonly #servesOutbound: boolean;
  #options: RegistrarOptions | undefined;
  /** The revision of the users whose HA1s C++ has. */
  #revision: number | undefined;
  /** Whether it may be asked about users until the batch ends; undefined: nobody has looked yet. */
  #isKnowing: boolean | undefined;
  /** C++ has algorithms to challenge with. */
  #isOffering = false;
  /** The users whom C++ gets to know. */
  #teaching: Ha1List | undefined;
  #isWiping = false;
  #isClosed = false;

  constructor({ shard, bindings, gruuKey, servesOutbound }: RegisterDeskNeeds) {
    this.#shard = shard;
    this.#servesOutbound = servesOutbound;
    if ("batches" in bindings) this.#share(bindings, gruuKey);
    else shard.serveRegisters(bindings, this.#rows, gruuKey);
  }

  #share({ node, batches, onFault }: SharedBindings, gruuKey: Uint8Array): void {
    const shard = this.#shard;
    const carry = async (batch: number, operations: Uint8Array, names: string): Promise<void> => {
      this.#saving += 1;
      const outcomes = await batches.save(operations, names).catch(onFault);
      this.#saving -= 1;
      shard.answerRegisters(batch, outcomes ?? undefined);
    };
    shard.shareRegisters(this.#rows, gruuKey, node, (batch, operations, names) => void carry(batch, operations, names).catch(onFault));
    batches.followClock((offset) => shard.setStoreClock(offset));
  }

  /** Batches that a store has been asked to save. */
  get saving(): number {
    return this.#saving;
  }

  /** Applies from the next batch on. `keepSeconds`: the response to `keep` (RFC 6223). `isOpen`: false leaves all to the object path. */
  configure(options: RegistrarOptions, keepSeconds: number, isOpen = true): void {
    const { domains, maxContacts, maxFlows, authenticator } = options;
    // Without configured domains every host counts as ours, which C++ cannot look up.
    this.#options = domains.isEmpty || !isOpen ? undefined : options;
    this.#startOver(this.#options?.authenticator?.revision);
    this.#shard.setRegisters({ domains: shownNames(domains), isOpen: authenticator === undefined, maxContacts, maxFlows, keepSeconds, supported: supportedBy(options).join(", ") });
  }

  /** The shard is about to be closed. */
  close(): void {
    this.#teaching = undefined;
    this.#isClosed = true;
  }

  startBatch(): void {
    this.#left.clear();
    this.#isKnowing = undefined;
  }

  /** Decides on one message of the batch if numbers are enough; its messages come in order. */
  takes(item: number, records: Int32Array, verdicts: Int32Array): boolean {
    const state = this.#stateOf(item);
    // C++ drops the first, and refuses the second as before.
    if (state === RegisterState.waiting || state === RegisterState.refused) {
      verdicts[item * Const.verdictFields + VerdictField.action] = Action.register;
      return true;
    }
    const who = this.whoOf(item);
    // It changes nothing, so it overtakes nobody.
    if (this.repeats(item)) return state === RegisterState.answered && this.#decides(item, records, verdicts);
    if (!this.#held.has(who) && !this.#left.has(who) && this.#decides(item, records, verdicts)) return true;
    if (who !== 0) this.#left.add(who);
    return false;
  }

  #decides(item: number, records: Int32Array, verdicts: Int32Array): boolean {
    const register = item * Const.registerFields;
    const state = this.#stateOf(item);
    if (this.#options === undefined || (state !== RegisterState.open && state !== RegisterState.answered)) return false;
    const record = item * Const.recordFields;
    if ((records[record + RecordField.headers]! & HeaderFlag.strictUri) !== 0) return false;
    const row = { records, record, registers: this.#rows, register };
    const out = item * Const.verdictFields;
    if (!decideRegister(row, verdicts, out, this.#options, this.#servesOutbound, Math.random())) return false;
    // A retransmission was checked the first time.
    if (state === RegisterState.answered) return true;
    // Last, because it uses up the credentials.
    switch (this.login(item, (this.#rows[register + RegisterField.flags]! & RegisterFlag.credentials) !== 0)) {
      case LoginState.proven:
        return true;
      case LoginState.missing:
        verdicts[out + VerdictField.edits] = RegisterGrant.challenge;
        return true;
      case LoginState.stale:
        verdicts[out + VerdictField.edits] = RegisterGrant.staleChallenge;
        return true;
      default:
        verdicts[out + VerdictField.action] = Action.object;
        return false;
    }
  }

  /** A user has proved that he has the password: next time C++ can check it, for `keepMs` or until the users change. */
  learn(user: string, realm: string, ha1: string, keepMs: number): void {
    const revision = this.#options?.authenticator?.revision;
    if (revision === undefined || keepMs < 1_000) return;
    if (revision !== this.#revision) this.#startOver(revision);
    this.#shard.learnHa1s(linesOf(user, realm, ha1), keepMs === Infinity ? 0 : Math.floor(keepMs / 1_000));
  }

  /** That user has changed. */
  forget(user: string, realm: string): void {
    if (!this.#isClosed) this.#shard.learnHa1s(linesOf(user, realm, ""), 0);
  }

  /** What the credentials of a request of the batch prove; if it is `proven`, they are used up. `hasSome`: false only if it has none. */
  login(item: number, hasSome = true): LoginState {
    const authenticator = this.#options?.authenticator;
    if (authenticator === undefined) return LoginState.proven;
    this.#isKnowing ??= this.#followUsers(authenticator);
    if (!this.#isKnowing) return LoginState.left;
    if (!hasSome && this.#isOffering) return LoginState.missing;
    const login = this.#shard.checkLogin(item);
    return login === LoginState.unknown && this.#teach(item, authenticator) ? this.#shard.checkLogin(item) : login;
  }

  /** False: the store has yet to say whether its users are those whom C++ knows. */
  #followUsers({ revision }: Authenticator): boolean {
    if (revision !== undefined && revision !== this.#revision) this.#startOver(revision);
    return revision !== undefined;
  }

  /** Whether the store has that user's HA1 at hand. */
  #teach(item: number, authenticator: Authenticator): boolean {
    const claimed = this.#shard.loginOf(item);
    const algorithm = DIGESTS[claimed?.algorithm ?? -1];
    if (claimed === undefined || algorithm === undefined) return false;
    const ha1 = authenticator.ha1Now(claimed.user, claimed.realm, algorithm);
    if (ha1 !== undefined) this.#shard.learnHa1s(linesOf(claimed.user, claimed.realm, ha1), 0);
    return ha1 !== undefined;
  }

  /** `revision`: of the users from now on. */
  #startOver(revision: number | undefined): void {
    this.#revision = revision;
    const { nonceMs, offered } = this.#options?.authenticator ?? { nonceMs: 0, offered: [] };
    this.#isOffering = offered.length > 0;
    this.#shard.offerLogins(nonceMs, offered.map((algorithm) => DIGESTS.indexOf(algorithm)));
    const all = revision === undefined ? undefined : this.#options?.authenticator?.ha1s;
    const fits = this.#shard.startHa1s(all?.count ?? OTHERS_USERS);
    this.#teaching = all;
    if (!this.#isWiping) void this.#wipe();
    // If there is not room for all, those who log in are taught one by one.
    if (all !== undefined && fits) void this.#teachAll(all);
  }

  /** Megabytes at once would be a turn of milliseconds. */
  async #wipe(): Promise<void> {
    this.#isWiping = true;
    do await nextTurn();
    while (!this.#isClosed && this.#shard.wipeHa1s());
    this.#isWiping = false;
  }

  /** So that the first login of a user costs what others do. Other work comes in between: users who log in meanwhile are taught one by one. */
  async #teachAll(all: Ha1List): Promise<void> {
    for (const lines of all.slices) {
      // Also so that nothing is done in the batch that has noticed the change.
      await nextTurn();
      if (this.#teaching !== all) return;
      this.#shard.learnHa1s(lines, 0);
    }
  }

  /** Whether C++ has answered that transaction, and will do so again (RFC 3261 17.2.2). */
  repeats(item: number): boolean {
    const state = this.#stateOf(item);
    return state === RegisterState.answered || state === RegisterState.damaged;
  }

  /** Identifies the address of record of a REGISTER of the batch; 0: unknown. */
  whoOf(item: number): number {
    return this.#rows[item * Const.registerFields + RegisterField.who]!;
  }

  #stateOf(item: number): number {
    return this.#rows[item * Const.registerFields + RegisterField.state]!;
  }

  /** The object path starts on a REGISTER of that address. */
  hold(who: number): void {
    if (who !== 0) this.#held.set(who, (this.#held.get(who) ?? 0) + 1);
  }

  release(who: number): void {
    const left = (this.#held.get(who) ?? 0) - 1;
    if (left > 0) this.#held.set(who, left);
    else this.#held.delete(who);
  }
}
