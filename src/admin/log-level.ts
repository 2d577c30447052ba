/** A log level for a time: it goes back by itself, so that nobody forgets a log that fills the disk. */
import type { Config } from "../config/config.js";
import { table } from "../config/table.js";
import type { Log } from "../observe/log.js";
import { ControlRefusal } from "./control-refusal.js";

export interface LogLevelView {
  readonly level: string;
  /** What it goes back to, and when; only while it differs. */
  readonly back?: string;
  readonly secondsLeft?: number;
}

export class LogLevel {
  readonly #log: Log;
  #usual: Config["logLevel"];
  #until = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, usual: Config["logLevel"]) {
    this.#log = log;
    this.#usual = usual;
  }

  get view(): LogLevelView {
    const level = this.#log.level;
    if (this.#until === 0) return { level };
    return { level, back: this.#usual, secondsLeft: Math.ceil((this.#until - Date.now()) / 1_000) };
  }

  /** What counts when no other level is set for a time. */
  setUsual(level: Config["logLevel"]): void {
    this.#usual = level;
    if (this.#until === 0) this.#log.level = level;
  }

  setFor(level: string, seconds: number): LogLevelView {
    try {
      table.logLevel.kind.parse(level);
    } catch (error) {
      throw new ControlRefusal(400, `level: expected ${error instanceof Error ? error.message : String(error)}`);
    }
    clearTimeout(this.#timer);
    this.#log.info({ level, seconds }, "log level changed for a time");
    this.#log.level = level;
    this.#until = Date.now() + seconds * 1_000;
    this.#timer = setTimeout(() => this.#back(), seconds * 1_000).unref();
    return this.view;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #back(): void {
    this.#until = 0;
    this.#log.level = this.#usual;
    this.#log.info({ level: this.#usual }, "log level restored");
  }
}
