/** The numbers of this process's earlier starts, kept in the state folder: a token with any other number is another edge's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../base/replace-file.js";

const KEPT = 256;

export class Starts {
  /** Of this start. */
  readonly own: number;
  readonly #earlier: ReadonlySet<number>;

  constructor(stateDir: string, own: number) {
    this.own = own;
    const path = join(stateDir, "starts");
    const earlier = read(path);
    this.#earlier = new Set(earlier);
    try {
      replaceFile(path, `${[...earlier.filter((start) => start !== own), own].slice(-KEPT).map(hexOf).join("\n")}\n`);
    } catch {
      // Others report a folder that cannot be written; earlier starts then look like other edges.
    }
  }

  isOurs(start: number): boolean {
    return start === this.own || this.#earlier.has(start);
  }
}

/** As `sluice status` and `sluice token` show it. */
export function hexOf(start: number): string {
  return start.toString(16).padStart(4, "0");
}

function read(path: string): readonly number[] {
  try {
    return readFileSync(path, "latin1").split("\n").filter((line) => /^[0-9a-f]{4}$/.test(line)).map((line) => parseInt(line, 16)).slice(-KEPT);
  } catch {
    return [];
  }
}
