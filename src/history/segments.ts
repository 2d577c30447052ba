/** The files of the history, `history/NNNNNNNN.jsonl` in the state folder: one is appended to, and the oldest is deleted when all of them have grown too large. */
import { chmod, mkdir, open, readdir, stat, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

const NAME = /^(\d{8})\.jsonl$/;
const SEGMENTS = 16;
const LINE_END = 10;

/** A position in the history. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

export class Segments {
  readonly folder: string;
  /** Octets of one write at most. */
  readonly mostWrite: number;
  readonly #most: number;
  readonly #mostOfOne: number;
  /** By number, oldest first, with their octets. */
  #sizes = new Map<number, number>();
  #handle: FileHandle | undefined;
  #isTorn = false;

  constructor(folder: string, most: number) {
    this.folder = folder;
    this.#most = most;
    this.#mostOfOne = Math.floor(most / SEGMENTS);
    this.mostWrite = Math.floor(this.#mostOfOne / 4);
  }

  get octets(): number {
    return [...this.#sizes.values()].reduce((sum, octets) => sum + octets, 0);
  }

  /** Oldest first. */
  get numbers(): readonly number[] {
    return [...this.#sizes.keys()];
  }

  /** Where the next line will be. */
  get end(): Place {
    const segment = this.numbers.at(-1) ?? 1;
    return { segment, offset: this.#sizes.get(segment) ?? 0 };
  }

  /** Octets after that place. */
  after({ segment, offset }: Place): number {
    const sizes = [...this.#sizes].map(([number, octets]) => (number < segment ? 0 : number === segment ? Math.max(0, octets - offset) : octets));
    return sizes.reduce((sum, octets) => sum + octets, 0);
  }

  /** Rejects when the folder cannot be made or read. */
  async find(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const numbers = (await readdir(this.folder)).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((one, other) => one - other);
    const sizes = new Map<number, number>();
    for (const number of numbers) {
      const path = this.pathOf(number);
      const { size } = await stat(path);
      // Somebody may have copied it back from a backup.
      await chmod(path, 0o600).catch(() => undefined);
      sizes.set(number, size);
    }
    this.#sizes = sizes;
  }

  pathOf(number: number): string {
    return join(this.folder, `${String(number).padStart(8, "0")}.jsonl`);
  }

  /** Appends pieces, each of whole lines, and returns how many octets were written, which may be fewer. Rejects when none can be. */
  async append(pieces: readonly Buffer[]): Promise<number> {
    const handle = (this.#handle ??= await this.#open());
    const number = this.end.segment;
    if (this.#isTorn) await this.#mend(handle, number);
    const { bytesWritten } = await handle.writev(pieces);
    if (bytesWritten === 0) throw new Error("the file takes nothing");
    this.#grow(number, bytesWritten);
    if (wholeLines(pieces, bytesWritten) < bytesWritten) this.#isTorn = true;
    if (this.end.offset >= this.#mostOfOne) await this.#turn();
    return bytesWritten;
  }

  /** The next append opens the file again. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.datasync().catch(() => undefined);
    await handle?.close().catch(() => undefined);
  }

  async #open(): Promise<FileHandle> {
    if (this.#sizes.size === 0) await this.find();
    await this.#makeRoom();
    const number = this.end.offset >= this.#mostOfOne ? this.end.segment + 1 : this.end.segment;
    const handle = await open(this.pathOf(number), "a+", 0o600);
    const { size } = await handle.stat();
    this.#sizes.set(number, size);
    const last = Buffer.alloc(1);
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    this.#isTorn = size > 0 && last[0] !== LINE_END;
    return handle;
  }

  /** What was cut off by a crash or a full disk stays a line of its own, which readers skip. */
  async #mend(handle: FileHandle, number: number): Promise<void> {
    const { bytesWritten } = await handle.write(Buffer.from([LINE_END]));
    this.#grow(number, bytesWritten);
    this.#isTorn = false;
  }

  async #turn(): Promise<void> {
    await this.close();
    await this.#makeRoom();
    this.#sizes.set(this.end.segment + 1, 0);
  }

  async #makeRoom(): Promise<void> {
    while (this.#sizes.size > 1 && this.octets > this.#most - this.#mostOfOne - this.mostWrite) {
      const [oldest = 0] = this.numbers;
      await unlink(this.pathOf(oldest)).catch((error: unknown) => {
        if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      });
      this.#sizes.delete(oldest);
    }
  }

  #grow(number: number, octets: number): void {
    this.#sizes.set(number, (this.#sizes.get(number) ?? 0) + octets);
  }
}

/** How many of the first octets are whole lines. */
export function wholeLines(pieces: readonly Buffer[], octets: number): number {
  let before = 0;
  for (const piece of pieces) {
    if (before + piece.length > octets) return before + piece.subarray(0, octets - before).lastIndexOf(LINE_END) + 1;
    before += piece.length;
  }
  return before;
}
