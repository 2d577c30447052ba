/** A server under test in a process of its own: for tests of signals, of the end of a process, and of what it costs. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "./server.js";
import type { Settings } from "./edge.js";

const END_MS = 10_000;
/** To ask before its log says that it is up would only take time, if there is a log. */
const UNASKED_MS = 2_000;

/** The sanitizer runtime must also be loaded into programs under test (scripts/sanitize.mjs). */
export const sanitizer = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(?:LD_PRELOAD|ASAN_OPTIONS|UBSAN_OPTIONS)$/.test(name)));

export class ServerProcess implements Server {
  output = "";
  readonly #process: ChildProcess;

  constructor(program: string, settings: Settings) {
    this.#process = spawn(process.execPath, [program], { env: { PATH: process.env["PATH"], ...sanitizer, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
    const collect = (bytes: Buffer): void => {
      this.output += bytes.toString();
    };
    this.#process.stdout?.on("data", collect);
    this.#process.stderr?.on("data", collect);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  async up(): Promise<void> {
    const asksFrom = Date.now() + UNASKED_MS;
    while (Date.now() < asksFrom && this.isRunning && !this.output.includes("sluice is up")) await sleep(5);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async exited(): Promise<number | null> {
    if (this.isRunning) await once(this.#process, "exit");
    return this.#process.exitCode;
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.signal("SIGTERM");
    const late = sleep(END_MS, "late", { ref: false });
    if ((await Promise.race([this.exited(), late])) === "late") await this.kill();
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited();
  }

  abandon(): void {
    this.signal("SIGKILL");
  }
}
