/** What a sub-command is, and the exit codes that scripts rely on. */

export const Exit = { ok: 0, failed: 1, usage: 2, notFound: 3, notRunning: 4, badConfig: 78 } as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the name, such as "TOKEN". */
  readonly usage: string;
  /** Further lines of its help: options, then examples. */
  readonly help: string;
  readonly run: (args: readonly string[]) => Promise<number> | number;
}

/** Ends a command with one line on stderr. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exit: number;

  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}
