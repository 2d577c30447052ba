/** Options that all commands share, and the parsing of their own. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { CommandError, Exit } from "./command.js";

const COMMON = {
  json: { type: "boolean" },
  admin: { type: "string" },
} as const;

export const COMMON_HELP = `
  --json             print one JSON document
  --admin ADDR:PORT  the admin plane; else SLUICE_ADMIN_LISTEN, with SLUICE_ADMIN_TOKEN`;

/** Throws a CommandError for an unknown option. */
export function readOptions<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T & typeof COMMON; allowPositionals: true; strict: true }>> {
  try {
    return parseArgs({ args: [...args], options: { ...COMMON, ...options }, allowPositionals: true, strict: true });
  } catch (error) {
    throw new CommandError(Exit.usage, error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error));
  }
}

export function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new CommandError(Exit.usage, `--${name} needs a whole number`);
  return Number(text);
}
