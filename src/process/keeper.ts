/**
 * The keeper as the server sees it: the small program that started this process, holds its sockets and the memory of its flows, and starts it again
 * after a crash (native/keeper, docs/decisions/keeper.md).
 */
import { accessSync, closeSync, constants } from "node:fs";
import { constants as os } from "node:os";
import { getSystemErrorName } from "node:util";
import type { Death, Revived } from "../native/binding.js";
import { binding, keeperPath } from "../native/load.js";
import type { Log } from "../observe/log.js";
import { type Bequest, partsOf, readParts } from "./bequest.js";
import { KEEPER_VARIABLE, STANDBY_VARIABLE } from "./keeper-variables.js";

const LOOK_MS = 1_000;

export class Keeper {
  readonly channel: number;
  /** Of the process before, and what it has left. */
  readonly death: Death | undefined;
  #bequest: Bequest | undefined;
  #isUp = true;
  #look: NodeJS.Timeout | undefined;

  private constructor(channel: number, death: Death | undefined) {
    this.channel = channel;
    this.death = death;
    this.#bequest = death === undefined || death.parts.length === 0 ? undefined : readParts(death.parts);
  }

  static get isPresent(): boolean {
    return process.env[KEEPER_VARIABLE] !== undefined;
  }

  /** Returns when the server has crashed that this one is to follow, however long that takes; ends this process when the keeper ends. */
  static standBy(): void {
    delete process.env[STANDBY_VARIABLE];
    if (!binding.keeperCalls(Number(process.env[KEEPER_VARIABLE]))) process.exit(0);
  }

  /** Undefined: this process has none. `asks`: it was started by the keeper, not by a process that it replaces. Throws one line. */
  static join(asks: boolean): Keeper | undefined {
    const channel = process.env[KEEPER_VARIABLE];
    if (channel === undefined) return undefined;
    // Programs that this one starts have none.
    delete process.env[KEEPER_VARIABLE];
    const death = asks ? binding.keeperDeath(Number(channel)) : undefined;
    if (typeof death === "number") throw new Error(`the keeper does not answer (${getSystemErrorName(death)})`);
    return new Keeper(Number(channel), death);
  }

  /** Never returns if it succeeds: this process becomes the keeper, which starts the server. Throws one line. */
  static become(hasStandby: boolean): never {
    const [node, program] = [process.execPath, process.argv[1] ?? ""];
    try {
      accessSync(keeperPath, constants.X_OK);
    } catch {
      throw new Error(`SLUICE_KEEPER: ${keeperPath} is not there or cannot be run; build it, or set SLUICE_KEEPER=off`);
    }
    const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    const errno = binding.become(keeperPath, [keeperPath, ...(hasStandby ? ["--standby"] : []), node, ...process.execArgv, program, "start"], environment, false);
    throw new Error(`SLUICE_KEEPER: ${keeperPath} cannot be run (${getSystemErrorName(-errno)})`);
  }

  get bequest(): Bequest | undefined {
    return this.#bequest;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Crashes that the keeper has seen. */
  get crashes(): number {
    return this.death?.crashes ?? 0;
  }

  /** For one without a line of its own it would look as if nothing had been. */
  #watch(log: Log): void {
    this.#look = setInterval(() => {
      if (binding.keeperLives(this.channel)) return;
      this.#isUp = false;
      clearInterval(this.#look);
      log.error("the keeper has died: the service goes on, but its flows would not outlive a crash; restart when it suits");
    }, LOOK_MS).unref();
  }

  /** This process cannot go on with what is left: its ports and locks are free when this returns. Throws one line. */
  forget(): void {
    for (const descriptor of this.death?.parts.flatMap(({ descriptors }) => descriptors) ?? []) closeSync(descriptor);
    this.#bequest = undefined;
    binding.keeperForgets(this.channel);
    const now = binding.keeperDeath(this.channel);
    if (typeof now === "number") throw new Error(`the keeper does not answer (${getSystemErrorName(now)})`);
  }

  /** What the next process needs. This one is up, so from now on it is told if there would be none. */
  leave(bequest: Bequest, log: Log): void {
    this.#watch(log);
    const parts = partsOf(bequest);
    for (const [at, { text, descriptors }] of parts.entries()) {
      const errno = binding.keeperWill(this.channel, at, parts.length, text, descriptors);
      if (errno !== 0) return log.error({ reason: getSystemErrorName(-errno) }, "the keeper was not told what a process after a crash needs: flows would not outlive one");
    }
  }

  /** The connections begin to come, while this process does something else. */
  fetchFlows(cluster: number): void {
    binding.keeperFetches(cluster);
  }

  /** Throws one line. */
  takeFlows(cluster: number): void {
    const errno = binding.keeperFlows(cluster);
    if (errno !== 0) throw new Error(`the connections that the keeper holds do not come (${getSystemErrorName(-errno)})`);
  }

  /** This process ends as it should. */
  farewell(): void {
    clearInterval(this.#look);
    if (this.#isUp) binding.keeperFarewell(this.channel);
  }

  /** What became of the flows. */
  tell(log: Log, revived: readonly Revived[]): void {
    const { death } = this;
    if (death === undefined || this.#bequest === undefined) return;
    const now = Number(process.hrtime.bigint()) / 1e6;
    const sum = (of: "kept" | "lost" | "messages" | "requests"): number => revived.reduce((total, one) => total + one[of], 0);
    const faults = revived.flatMap(({ fault }) => fault ?? []);
    const row = { before: death.pid, how: howOf(death.status), crashes: death.crashes, kept: sum("kept"), lost: sum("lost"), messages: sum("messages"), requests: sum("requests"), gapMs: Math.round(now - death.since) };
    if (faults.length > 0) log.error({ ...row, faults }, "the process before crashed, and what it has left cannot be used");
    else log.warn(row, "the process before crashed: this one goes on with its flows");
  }
}

function howOf(status: number): string {
  if (status === -1) return "unknown";
  const signal = status & 0x7f;
  if (signal === 0) return `status ${status >> 8}`;
  return Object.entries(os.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}
