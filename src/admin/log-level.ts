/** A log level for a limited time: it reverts by itself, so that a forgotten debug log does not fill the disk. */
import { messageOf } from "../base/message-of.js";
import type { Config } from "../config/config.js";
import { table } from "../config/table.js";
import type { Log } from "../observe/log.js";
import { ControlRefusal } from "./control-refusal.js";

export interface LogLevelView {
  readonly level: string;
  /** The level to return to, and when; set only while another one is in force. */
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
    return { level, back: this.#usual, secondsLeft: Math.ceil((this.#until - performance.now()) / 1_000) };
  }

  /** The level when no temporary one is set. */
  setUsual(level: Config["logLevel"]): void {
    this.#usual = level;
    if (this.#until === 0) this.#log.level = level;
  }

  setFor(level: string, seconds: number): LogLevelView {
    try {
      table.logLevel.kind.parse(level);
    } catch (error) {
      throw new ControlRefusal(400, `level: expected ${messageOf(error)}`);
    }
    clearTimeout(this.#timer);
    this.#log.info({ from: this.#log.level, to: level, seconds }, "log level changed for a time");
    this.#log.level = level;
    this.#until = performance.now() + seconds * 1_000;
    this.#timer = setTimeout(() => this.#back(), seconds * 1_000).unref();
    return this.view;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #back(): void {
    this.#until = 0;
    this.#log.level = this.#usual;
    this.#log.info({ to: this.#usual }, "log level restored");
  }
}
