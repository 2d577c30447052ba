/** Writes log lines to a descriptor, which may be a full disk or a pipe without a reader. The process never waits for it. */
import { binding } from "../native/load.js";

const MAX_WAITING = 256 * 1_024;
const RETRY_MS = 100;

let lost = 0;

/** Lines that could not be written since the start. */
export function lostLines(): number {
  return lost;
}

export class LogSink {
  readonly #descriptor: number;
  #waiting: Uint8Array[] = [];
  #octets = 0;
  /** Lines lost since the last one that was written. */
  #gap = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Written at once where there is room, so that the last words of a process are not lost; else buffered up to a limit, then dropped and counted. */
  write(line: string): void {
    if (this.#octets + line.length > MAX_WAITING) {
      this.#gap += 1;
      lost += 1;
      return;
    }
    const octets = Buffer.from(line);
    this.#waiting.push(octets);
    this.#octets += octets.length;
    this.flush();
  }

  flush(): void {
    while (this.#waiting.length > 0) {
      const line = this.#waiting[0] ?? new Uint8Array(0);
      const written = binding.writeNow(this.#descriptor, line);
      if (written < line.length) {
        this.#keep(line.subarray(written));
        return;
      }
      this.#waiting.shift();
      this.#octets -= line.length;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#gap === 0) return;
    const gap = this.#gap;
    this.#gap = 0;
    this.write(`${JSON.stringify({ level: "warn", time: new Date().toISOString(), lines: gap, msg: "log lines were lost: the log could not be written" })}\n`);
  }

  #keep(rest: Uint8Array): void {
    this.#octets -= (this.#waiting[0]?.length ?? 0) - rest.length;
    this.#waiting[0] = rest;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, RETRY_MS).unref();
  }
}
