/** Options that all commands share, and the parsing of their own. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { CommandError, Exit } from "./command.js";

const COMMON = {
  json: { type: "boolean" },
  admin: { type: "string" },
} as const;

export const COMMON_HELP = `
  --json             print one JSON document
  --admin ADDR:PORT  the admin plane; else that of the server that runs here`;

/** Throws a CommandError for an unknown option, and for more than `most` arguments besides options. */
export function readOptions<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
  most = 0,
): ReturnType<typeof parseArgs<{ args: string[]; options: T & typeof COMMON; allowPositionals: true; strict: true }>> {
  try {
    const parsed = parseArgs({ args: [...args], options: { ...COMMON, ...options }, allowPositionals: true, strict: true });
    const extra = parsed.positionals[most];
    if (extra !== undefined) throw new CommandError(Exit.usage, `${extra} is one argument too many`);
    return parsed;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(Exit.usage, `${error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error)}; --help lists the options`);
  }
}

export function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new CommandError(Exit.usage, `--${name} needs a whole number`);
  return Number(text);
}
