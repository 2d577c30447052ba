/** Output of commands: data to stdout, everything else to stderr, colour only on a terminal. */
import { styleText } from "node:util";
import { visible } from "../base/printable.js";
import { CommandError, Exit } from "./command.js";

type Style = Parameters<typeof styleText>[0];

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(jsonText(value, 2));
}

/** JSON itself escapes only some of what a terminal would obey. */
export function jsonText(value: unknown, indent?: number): string {
  return visible(JSON.stringify(value, null, indent), "\n");
}

/** What a server has said may stand in it. */
export function complain(text: string): void {
  process.stderr.write(`sluice: ${visible(text, "\n")}\n`);
}

/** The exit code of a list that is empty: who asked for all has the answer, who looked for something has not found it. */
export function nothingFound(isSearch: boolean, text: string): number {
  if (isSearch) throw new CommandError(Exit.notFound, text);
  complain(text);
  return Exit.ok;
}

function hasColour(): boolean {
  return process.stdout.isTTY === true && !process.env["NO_COLOR"];
}

export function colour(style: Style, text: string): string {
  return hasColour() ? styleText(style, text) : text;
}

/** Columns as wide as their widest cell; numbers are right-aligned. */
export function tableText(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows.map((row) => row.map((cell) => visible(String(cell))))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  const lines = cells.map((row) =>
    row.map((cell, column) => (isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join("  ").trimEnd(),
  );
  return [colour("bold", lines[0] ?? ""), ...lines.slice(1)].join("\n");
}

/** 5 s, 3 min, 2 h, 4 d. */
export function span(milliseconds: number): string {
  if (milliseconds < 0) return "?";
  const seconds = milliseconds / 1_000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function octets(count: number): string {
  if (count < 10_000) return `${count} B`;
  if (count < 10_000_000) return `${Math.round(count / 1_000)} kB`;
  return `${Math.round(count / 1_000_000)} MB`;
}
