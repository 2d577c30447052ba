#!/usr/bin/env node
/** The `sluice` command; ends with the exit code of its sub-command. Without one the process is started. */
import { setFlagsFromString } from "node:v8";
import { catchSignals } from "./process/signals.js";

const args = process.argv.slice(2);
const isServer = args.length === 0 || args[0] === "start";
// Before anything else is loaded. Other commands end by a signal as every program does.
if (isServer) {
  catchSignals();
  // A shard's young generation is so small that its thread collects it alone faster than with helpers, for which it would have to wait
  // whenever they do not get a core: a third less time in the siege, and half as many pauses over 5 ms.
  setFlagsFromString("--no-parallel-scavenge");
}
process.stdout.on("error", (error: Error & { readonly code?: string }) => {
  if (error.code !== "EPIPE") throw error;
  // The reader has seen enough: flows | head. A server continues.
  if (!isServer) process.exit(0);
});
const { runCommand } = await import("./cli/run-command.js");
const exit = await runCommand(args);
// Handles of the admin plane's sockets may outlive their closing; stdout into a pipe must still be written out.
process.exitCode = exit;
if (process.stdout.writableLength === 0) process.exit(exit);
process.stdout.once("drain", () => process.exit(exit));
