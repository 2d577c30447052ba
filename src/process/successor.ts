/** The process that is to replace this one, as this one sees it: a child started from what is on disk now. */
import { type ChildProcess, spawn } from "node:child_process";
import { within } from "../base/within.js";
import type { MoveSteps } from "../native/binding.js";
import type { CounterTotals } from "../shard/seats.js";
import { KEEPER_VARIABLE } from "./keeper-variables.js";

/** From the child. `taken`: it reads, since when on the monotonic clock, and, in this version, when each shard had done what, and its work for that; `failed`: it ends, and says why. */
export type FromSuccessor = { readonly kind: "ready"; readonly version: string; /** It takes what follows after the others. */ readonly follows?: boolean; /** It reads what lies in memory that both have. */ readonly inPlace?: boolean; /** The newest layout of images that it reads; who says nothing reads the first one, and knows no keeper. */ readonly layout?: number } | ({ readonly kind: "taken" } & Taken) | { readonly kind: "failed"; readonly why: string };

export interface Taken {
  readonly since: number;
  readonly steps?: readonly MoveSteps[];
  readonly cpu?: readonly MoveSteps[];
}

/** To the child. `totals`: at once when it has taken over. `yours`: the state folder; `standsIn`: its parent stays for its sake, and it ends with its parent. */
export type ToSuccessor = { readonly kind: "totals"; readonly totals: CounterTotals } | { readonly kind: "yours"; readonly standsIn: boolean };

/** The option that tells a process that it was started to replace its parent. */
export const SUCCESSOR_OPTION = "--successor";

export class Successor {
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #version = "";
  #follows = false;
  #inPlace = false;
  #layout: number | undefined;
  #taken: Taken = { since: 0 };
  #hasStopped = false;
  #why = "";
  #hear: (message: FromSuccessor) => void = () => undefined;
  readonly #heard: FromSuccessor[] = [];

  /** `channel`: the end that it gets as descriptor 4. `keeper`: the channel to the keeper, if there is one, which both have. */
  constructor(channel: number, keeper?: number) {
    // The name, not what it stood for when this process began: a link may lead to a new version by now.
    const program = process.argv[1] ?? "";
    const child = spawn(process.execPath, [...process.execArgv, program, "start", SUCCESSOR_OPTION], {
      stdio: ["inherit", "inherit", "inherit", "ipc", channel, ...(keeper === undefined ? [] : [keeper])],
      env: { ...process.env, ...(keeper === undefined ? {} : { [KEEPER_VARIABLE]: "5" }) },
    });
    this.#child = child;
    child.on("message", (message: FromSuccessor) => {
      if (message.kind === "failed") this.#why = message.why;
      this.#heard.push(message);
      this.#hear(message);
    });
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(`it cannot be started: ${error.message}`));
      child.once("exit", (code, signal) => {
        this.#hasStopped = code === 0;
        resolve(this.#why !== "" ? this.#why : signal === null ? `it ended with status ${code ?? 0}` : `${signal} ended it`);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get version(): string {
    return this.#version;
  }

  /** Whether it takes connections that follow after the others. */
  get takesFollowers(): boolean {
    return this.#follows;
  }

  /** Whether it reads what lies in memory that both have, and takes most of it ahead. */
  get readsInPlace(): boolean {
    return this.#inPlace;
  }

  /** Of the images that it reads. */
  get layout(): number {
    return this.#layout ?? 1;
  }

  /** Whether it stays with the keeper. */
  get knowsKeeper(): boolean {
    return this.#layout !== undefined;
  }

  /** It has ended because somebody told it to. */
  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** Resolves when it has loaded everything and waits for the flows. */
  async ready(milliseconds: number): Promise<void> {
    await this.#says("ready", milliseconds, "it was not ready");
  }

  /** Resolves when it has everything, with since when it reads. */
  async taken(milliseconds: number): Promise<Taken> {
    await this.#says("taken", milliseconds, "it did not take over");
    return this.#taken;
  }

  /** What this resolves to; rejects with how it ended if that comes first. */
  unlessItEnds<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.ended.then((how) => Promise.reject(new Error(how)))]);
  }

  /** Whether it lives for that long. */
  async isSteady(milliseconds: number): Promise<boolean> {
    return !(await within(this.ended, milliseconds));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves when it is no more: only then may this process go on. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  tell(message: ToSuccessor): Promise<void> {
    return new Promise((resolve) => this.#child.send(message, () => resolve()));
  }

  /** It is on its own from now on. Resolves when it has been told. */
  async leave(standsIn: boolean): Promise<void> {
    await this.tell({ kind: "yours", standsIn });
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  async #says(kind: FromSuccessor["kind"], milliseconds: number, late: string): Promise<void> {
    const said = new Promise<void>((resolve) => {
      this.#hear = (message) => {
        if (message.kind === "ready") {
          this.#version = message.version;
          this.#follows = message.follows ?? false;
          this.#inPlace = message.inPlace ?? false;
          this.#layout = message.layout;
        }
        if (message.kind === "taken") this.#taken = message;
        if (message.kind === kind) resolve();
      };
      this.#heard.forEach((message) => this.#hear(message));
    });
    if (!(await within(this.unlessItEnds(said), milliseconds))) throw new Error(`${late} within ${milliseconds / 1_000} s`);
  }
}
