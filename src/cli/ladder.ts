/** A call ladder in the terminal, drawn as the messages come: a lane for each party, an arrow for each message. */
import { visible } from "../base/printable.js";
import { colour } from "./output.js";

const LANE = 30;
const HALF = LANE / 2;
const TIME = 14;

export interface Rung {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

export class Ladder {
  readonly #lanes: string[];
  readonly #print: (line: string) => void;
  #isNew = true;

  /** `lanes`: parties whose lanes exist from the start. */
  constructor(print: (line: string) => void, lanes: readonly string[] = []) {
    this.#print = print;
    this.#lanes = [...lanes];
  }

  add({ at, from, to, text }: Rung): void {
    for (const party of [from, to]) {
      if (this.#lanes.includes(party)) continue;
      this.#lanes.push(party);
      this.#isNew = true;
    }
    if (this.#isNew) this.#print(this.#heads());
    this.#isNew = false;
    this.#print(`${clock(at).padEnd(TIME)}${this.#arrow(this.#lanes.indexOf(from), this.#lanes.indexOf(to), summary(text))}`);
  }

  /** An event that is not a message. */
  say(text: string): void {
    this.#print(`${" ".repeat(TIME)}${colour("dim", `── ${text} `.padEnd(this.#lanes.length * LANE, "─"))}`);
  }

  #heads(): string {
    const cells = this.#lanes.map((party) => {
      const name = party.length > LANE - 2 ? `${party.slice(0, LANE - 3)}…` : party;
      return name.padStart(Math.floor((LANE + name.length) / 2)).padEnd(LANE);
    });
    return `${" ".repeat(TIME)}${colour("bold", cells.join("").trimEnd())}`;
  }

  #arrow(from: number, to: number, label: string): string {
    const cells = Array<string>(this.#lanes.length * LANE).fill(" ");
    this.#lanes.forEach((_, lane) => (cells[lane * LANE + HALF] = "│"));
    const [left, right] = [Math.min(from, to) * LANE + HALF, Math.max(from, to) * LANE + HALF];
    for (let at = left + 1; at < right; at += 1) cells[at] = "─";
    cells[from < to ? right - 1 : left + 1] = from < to ? "▶" : "◀";
    const room = right - left - 5;
    const shown = label.length > room ? `${label.slice(0, Math.max(room - 1, 0))}…` : label;
    const start = left + 2 + Math.max(0, Math.floor((right - left - 4 - shown.length) / 2));
    [...` ${shown} `].forEach((letter, at) => (cells[start + at] = letter));
    return paint(cells.join("").trimEnd(), label);
  }
}

/** The start line without its constant parts, and the method that a response answers. */
function summary(text: string): string {
  const line = visible(text.slice(0, text.indexOf("\r\n")));
  const method = visible(/^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(text)?.[1] ?? "");
  if (line.startsWith("SIP/2.0 ")) return `${line.slice(8)}${method === "" ? "" : ` (${method})`}`;
  return line.replace(/ SIP\/2\.0$/, "").replace(/ sips?:/, " ");
}

function paint(line: string, label: string): string {
  if (/^[456]\d\d /.test(label)) return colour("red", line);
  if (/^2\d\d /.test(label)) return colour("green", line);
  return line;
}

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}
