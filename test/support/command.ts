/** The `sluice` command as an operator runs it. */
import { sanitizer } from "./server-process.js";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { runCommand } from "../../src/cli/run-command.js";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class Running {
  out = "";
  err = "";
  readonly process: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>, script = MAIN, cwd?: string) {
    this.process = spawn(process.execPath, [script, ...args], { cwd, env: { PATH: process.env["PATH"], ...sanitizer, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.process.stdout?.on("data", (octets: Buffer) => (this.out += octets.toString()));
    this.process.stderr?.on("data", (octets: Buffer) => (this.err += octets.toString()));
  }

  async ended(): Promise<Ended> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "close");
    return { code: this.process.exitCode, out: this.out, err: this.err };
  }
}

/** Runs it and waits until it exits; `cwd`: in that folder. */
export function sluice(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string): Promise<Ended> {
  return new Running(args, env, MAIN, cwd).ended();
}

/**
 * The same inside this process, for what a command says rather than for how its process ends: a twentieth of the price. One at a time, as it has
 * the environment and the output of the process for itself.
 */
export async function sluiceWithin(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const said = { out: "", err: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      said[stream === "stdout" ? "out" : "err"] += String(text);
      return true;
    }),
  );
  const whole = process.env;
  process.env = { PATH: whole["PATH"], ...env };
  try {
    const code = await runCommand(args);
    return { code, ...said };
  } finally {
    process.env = whole;
    for (const spy of spies) spy.mockRestore();
  }
}
