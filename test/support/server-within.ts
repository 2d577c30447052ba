/** A server under test inside the process of the tests, as a program embeds it: it starts in a third of the time of a process. */
import { fileURLToPath } from "node:url";
import type * as Package from "../../src/index.js";
import type { Server } from "./server.js";
import type { Settings } from "./edge.js";

export const INDEX = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

export class ServerWithin implements Server {
  output = "";
  isRunning = true;
  readonly #starting: Promise<Package.Sluice>;

  constructor(settings: Settings) {
    this.#starting = this.#start(settings);
    // Others learn of it from `up` and `isRunning`.
    this.#starting.catch((error: unknown) => this.#ended(error));
  }

  get pid(): number {
    return needsProcess();
  }

  get exitCode(): number | null {
    return needsProcess();
  }

  async up(): Promise<void> {
    await this.#starting.catch(() => undefined);
  }

  signal(): void {
    needsProcess();
  }

  exited(): Promise<number | null> {
    return needsProcess();
  }

  async stop(): Promise<void> {
    if (this.isRunning) await (await this.#starting).stop();
  }

  kill(): Promise<void> {
    return needsProcess();
  }

  /** It ends with this process. */
  abandon(): void {}

  async #start(settings: Settings): Promise<Package.Sluice> {
    const { start } = (await import(INDEX)) as typeof Package;
    const sluice = await start(settings, { log: { write: (line) => void (this.output += line) } });
    void sluice.stopped.then(() => (this.isRunning = false));
    return sluice;
  }

  #ended(error: unknown): void {
    this.output += error instanceof Error ? error.message : String(error);
    this.isRunning = false;
  }
}

function needsProcess(): never {
  throw new Error("this test needs a server in a process of its own: Edge.spawn, Home.spawn, cast({ process: true })");
}
