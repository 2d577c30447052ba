/** Writes lines to the history in the background: a bounded queue, one write at a time, and while the disk refuses, another try every second. */
import { messageOf } from "../base/message-of.js";
import { within } from "../base/within.js";
import type { Log } from "../observe/log.js";
import { type Place, type Segments, wholeLines } from "./segments.js";

const MAX_WAITING = 8 << 20;
const AGAIN_MS = 1_000;
const LAST_MS = 2_000;
/** Octets of a buffer that is lent, and how many are kept for the next time. */
export const LENT = 16_384;
/** Of one write: the system takes no more. */
const MAX_PIECES = 1_024;
const MAX_SPARE = 64;

export class Journal {
  readonly segments: Segments;
  /** Called when lines that waited for the disk are in the file. */
  onRecovery: () => void = () => undefined;
  readonly #log: Log;
  readonly #mostWaiting: number;
  #waiting: Buffer[] = [];
  #octetsWaiting = 0;
  readonly #spare: Buffer[] = [];
  #writing: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #fault = "";
  #lost = 0;

  constructor(segments: Segments, log: Log, mostWaiting = MAX_WAITING) {
    this.segments = segments;
    this.#log = log;
    this.#mostWaiting = mostWaiting;
  }

  /** Reads what is there. A folder that cannot be read is reported once, and tried again. */
  async open(): Promise<void> {
    try {
      await this.segments.find();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Why nothing can be written now; "": all is well. */
  get fault(): string {
    return this.#fault;
  }

  /** Lines there was no room for while the disk was slow or full. */
  get lost(): number {
    return this.#lost;
  }

  get octets(): number {
    return this.segments.octets;
  }

  get end(): Place {
    return this.segments.end;
  }

  append(line: string): void {
    this.appendLines(Buffer.from(`${line}\n`), 1);
  }

  /**
   * A buffer to write lines into, for `appendLines`. It is used again when they are in the file: a storm of registrations would leave garbage
   * outside of JavaScript's heap, which is collected late.
   */
  lend(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(LENT);
  }

  /** So many whole lines. */
  appendLines(lines: Buffer, count: number): void {
    if (count === 0) return this.#takeBack(lines);
    if (this.#octetsWaiting + lines.length > this.#mostWaiting || lines.length > this.segments.mostWrite) {
      this.#lost += count;
      return this.#takeBack(lines);
    }
    this.#waiting.push(lines);
    this.#octetsWaiting += lines.length;
    if (this.#again === undefined) this.#start();
  }

  /** When everything appended so far is in the file, or cannot be written. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async close(): Promise<void> {
    clearTimeout(this.#again);
    this.#again = undefined;
    this.#start();
    await within(this.#writing ?? Promise.resolve(), LAST_MS);
    clearTimeout(this.#again);
    if (this.#octetsWaiting === 0) await this.segments.close();
  }

  #start(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 && this.#again === undefined) this.#start();
    });
  }

  async #write(): Promise<void> {
    try {
      if (this.#fault !== "") await this.segments.find();
      while (this.#waiting.length > 0) {
        const pieces = this.#next();
        const written = await this.segments.append(pieces);
        // The rest of a line that was cut off is written again as a whole.
        const done = wholeLines(pieces, written);
        const isAll = pieces.reduce((sum, { length }) => sum + length, 0) === written;
        this.#done(done);
        if (!isAll) await this.segments.close();
      }
      if (this.#fault === "") return;
      this.#fault = "";
      this.#log.info("the history can be written again");
      this.onRecovery();
    } catch (error) {
      await this.segments.close();
      this.#failed(error);
    }
  }

  #next(): readonly Buffer[] {
    let octets = 0;
    const most = this.#waiting.findIndex((lines, at) => (octets += lines.length) > this.segments.mostWrite || at === MAX_PIECES);
    return this.#waiting.slice(0, most < 0 ? this.#waiting.length : most);
  }

  /** These octets, whole lines, are in the file. */
  #done(octets: number): void {
    this.#octetsWaiting -= octets;
    let count = 0;
    let left = octets;
    for (let lines = this.#waiting[0]; lines !== undefined && left >= lines.length; lines = this.#waiting[count]) {
      left -= lines.length;
      count += 1;
    }
    for (const lines of this.#waiting.splice(0, count)) this.#takeBack(lines);
    if (left > 0 && this.#waiting[0] !== undefined) this.#waiting[0] = this.#waiting[0].subarray(left);
  }

  #takeBack({ buffer }: Buffer): void {
    if (buffer.byteLength === LENT && this.#spare.length < MAX_SPARE) this.#spare.push(Buffer.from(buffer));
  }

  #failed(error: unknown): void {
    const reason = messageOf(error);
    if (this.#fault === "") this.#log.error({ reason }, "the history cannot be written: make room on the disk of SLUICE_STATE_DIR; everything else goes on");
    this.#fault = reason;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.#start();
    }, AGAIN_MS).unref();
  }
}
