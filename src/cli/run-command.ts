/** Finds the sub-command and runs it. */
import { type Command, CommandError, Exit } from "./command.js";
import { commandNames, loadCommand, loadCommands } from "./commands.js";
import { complain, print } from "./output.js";

/** The exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  try {
    return await main(args);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    complain(error.message);
    return error.exit;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const [name = "start", ...rest] = args;
  if (name === "--version" || name === "-v") {
    print((await import("../base/version.js")).version());
    return Exit.ok;
  }
  if (name === "--help" || name === "-h" || name === "help") return help(rest[0]);
  // The flags of the first version.
  const word = name === "--check-config" || name === "--print-config" ? name.slice(2) : name;
  if (rest.includes("--help") || rest.includes("-h")) return help(word);
  const command = await loadCommand(word);
  return command === undefined ? unknown(word) : command.run(rest);
}

async function unknown(word: string): Promise<number> {
  const { nearest } = await import("../config/nearest.js");
  const meant = nearest(word, commandNames);
  complain(`unknown command ${word}${meant === undefined ? "" : `, did you mean ${meant}?`}; --help lists the commands`);
  return Exit.usage;
}

async function help(name: string | undefined): Promise<number> {
  const command = name === undefined ? undefined : await loadCommand(name);
  if (name !== undefined && command === undefined) return unknown(name);
  print(command === undefined ? overview(await loadCommands()) : commandHelp(command));
  return Exit.ok;
}

function commandHelp({ name, usage, summary, help: text }: Command): string {
  return [`Usage: sluice ${`${name} ${usage}`.trim()}`, "", `${summary[0]?.toUpperCase()}${summary.slice(1)}${summary.endsWith("?") ? "" : "."}`, text].join("\n");
}

function overview(commands: readonly Command[]): string {
  return [
    "Sluice, a SIP edge, registrar and standalone server for SIP Outbound (RFC 5626).",
    "",
    "Usage: sluice [COMMAND] [--help | --version]",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(14)} ${summary}`),
    "",
    "Without a command it starts the server. `sluice COMMAND --help` explains a command. Environment variables configure it: SLUICE_MODE,",
    "SLUICE_LISTEN and others; `sluice print-config` prints them all, docs/configuration.md explains them.",
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not running, 78 bad configuration.",
    "",
    "Example: SLUICE_UPSTREAM=sip:registrar.example.org SLUICE_LISTEN=udp:192.0.2.1:5060,tcp:192.0.2.1:5060 sluice",
  ].join("\n");
}
