/** The log as a person at a terminal reads it: one short line instead of a JSON document. */
import { styleText } from "node:util";
import { visible } from "../base/printable.js";

const STYLES = { warn: "yellow", error: "red", fatal: "red", debug: "dim", trace: "dim" } as const;

export class TerminalLog {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    this.#write(`${shown(line)}\n`);
  }
}

function shown(line: string): string {
  const { level, time, msg, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const words = Object.entries(facts).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const whole = [String(time).slice(11, 19), String(level).padEnd(5), String(msg), ...words].join(" ");
  const text = visible(whole.replaceAll(/[\r\n]+/g, "\n  "), "\n");
  const style = STYLES[level as keyof typeof STYLES];
  return style === undefined || process.env["NO_COLOR"] ? text : styleText(style, text);
}
