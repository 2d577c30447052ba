/** A peer's process: its output is kept, and it is ended by its pid when the test is over. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export interface Exit {
  readonly code: number | null;
  readonly output: string;
}

export class Program {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #name: string;
  #output = "";

  /** `env` is added to ours. */
  constructor(name: string, command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
    this.#name = name;
    this.#process = spawn(command, args, { cwd, stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    // A process that has ended no longer reads; its end is noticed elsewhere.
    this.#process.stdin?.on("error", () => undefined);
    const collect = (bytes: Buffer): void => {
      this.#output += bytes.toString("latin1");
    };
    this.#process.stdout?.on("data", collect);
    this.#process.stderr?.on("data", collect);
    this.#exited = once(this.#process, "close").then(() => undefined);
  }

  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Types a line. */
  type(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Resolves when it exits by itself. */
  async exit(): Promise<Exit> {
    await this.#exited;
    return { code: this.#process.exitCode, output: this.#output };
  }

  /** SIGTERM, then SIGKILL if it does not exit within `patience` ms. */
  async stop(patience = 3_000): Promise<void> {
    if (this.isRunning) this.#process.kill("SIGTERM");
    const late = sleep(patience, "late", { ref: false });
    if ((await Promise.race([this.#exited, late])) === "late") await this.kill();
  }

  /** Like a crash. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  /** Waits until `probe` returns something, while the program runs. */
  async until<T>(what: string, probe: () => Promise<T | undefined> | T | undefined, timeout: number): Promise<T> {
    const deadline = Date.now() + timeout;
    while (Date.now() < deadline && this.isRunning) {
      const found = await probe();
      if (found !== undefined) return found;
      await sleep(25);
    }
    throw new Error(`${this.#name}: ${what} did not come\n${this.#output.slice(-4_000)}`);
  }
}
