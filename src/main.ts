#!/usr/bin/env node
/** The process: reads the flags and the configuration, then runs the edge until it is told to stop. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Config } from "./config/config.js";
import { printConfig } from "./config/print.js";
import { completeConfig, readSettings } from "./config/read.js";
import { table } from "./config/table.js";
import { serve } from "./serve.js";
import { type Log, createLog } from "./observe/log.js";

// EX_CONFIG of sysexits.h, and the customary status of wrong usage.
const BAD_CONFIGURATION = 78;
const BAD_USAGE = 2;

const OPTIONS = {
  "check-config": { type: "boolean" },
  "print-config": { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

function readFlags(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"] {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    complain([`${error instanceof Error ? error.message.split(". ")[0] : String(error)}; --help lists the flags`]);
    process.exit(BAD_USAGE);
  }
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.help) return void process.stdout.write(help());
  if (flags.version) return void process.stdout.write(`${version()}\n`);
  const { settings, errors, warnings } = readSettings(process.env);
  const checking = flags["check-config"] === true || flags["print-config"] === true;
  const { config, error } = settings ? completeConfig(settings, !checking) : {};
  const faults = error === undefined ? errors : [...errors, error];
  if (checking || faults.length > 0) complain(warnings);
  if (config === undefined || faults.length > 0) {
    complain(faults);
    process.exitCode = BAD_CONFIGURATION;
  } else if (flags["print-config"]) {
    process.stdout.write(printConfig(process.env));
  } else if (!checking) {
    const log = createLog(config.logLevel);
    for (const warning of warnings) log.warn(warning);
    await run(config, log);
  }
}

async function run(config: Config, log: Log): Promise<void> {
  try {
    await serve(config, log);
  } catch (error) {
    // Such as a port that is taken: one line, for the operator who has just started this.
    complain([error instanceof Error ? error.message : String(error)]);
    log.debug({ err: error }, "cannot run");
    process.exitCode = 1;
  }
}

function complain(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`sluice: ${line}\n`);
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
}

function help(): string {
  const variables = Object.values(table).map(({ name, shownDefault }) => `  ${name.padEnd(30)} ${shownDefault.replaceAll("`", "")}`);
  return [
    "Sluice, a SIP Outbound edge (RFC 5626).",
    "",
    "Usage: sluice [--check-config | --print-config | --help | --version]",
    "",
    "  --check-config   check the configuration and end; status 78 when it is bad",
    "  --print-config   print the configuration that counts, secrets masked",
    "",
    "It is configured by these environment variables (and their defaults); docs/configuration.md explains them:",
    "",
    ...variables,
    "",
    "Example: SLUICE_UPSTREAM=sip:registrar.example.org SLUICE_LISTEN=udp:192.0.2.1:5060,tcp:192.0.2.1:5060 sluice",
    "",
  ].join("\n");
}

await main();
