/** SIPp plays scenarios: a population of clients behind the edge, and those who call them. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Transport } from "../../support/wire.js";
import type { Binding, Kamailio } from "./kamailio.js";
import { peerPath } from "./peers.js";
import { Program } from "./program.js";

const SCENARIOS = fileURLToPath(new URL("../sipp/", import.meta.url));


export interface CallsMade {
  readonly code: number | null;
  /** What SIPp tells of calls that did not go as the scenario says. */
  readonly errors: string;
}

function start(scenario: string, target: string, folder: string, args: readonly string[]): Program {
  // -nr: SIPp sends nothing a second time, so that a message that was lost is seen.
  const files = ["-sf", `${SCENARIOS}${scenario}.xml`, "-trace_err", "-error_file", errorFile(scenario, folder)];
  return new Program(`sipp ${scenario}`, peerPath("sipp"), [...files, "-i", "127.0.0.1", "-nostdin", "-nr", ...args, target], folder);
}

function errorFile(scenario: string, folder: string): string {
  return join(folder, `${scenario}.errors`);
}

function errorsOf(scenario: string, folder: string): string {
  const file = errorFile(scenario, folder);
  return existsSync(file) ? readFileSync(file, "latin1").slice(0, 4_000) : "";
}

export class Population {
  readonly users: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-sipp-"));
  readonly #fields = join(this.#folder, "users.csv");
  readonly #program: Program;

  /** Clients named udp0, udp1, …, each with a socket of its own, register at once and then answer calls. */
  constructor(transport: Transport, count: number, edge: string) {
    this.users = Array.from({ length: count }, (_, at) => `${transport}${at}`);
    const lines = this.users.map((user) => `${user};${randomUUID()}`);
    writeFileSync(this.#fields, ["SEQUENTIAL", ...lines, ""].join("\n"));
    this.#program = start("population", edge, this.#folder, [
      ...["-oocsf", `${SCENARIOS}answer.xml`, "-inf", this.#fields, "-t", transport === "udp" ? "un" : "tn"],
      ...["-m", String(count), "-r", "100", "-max_socket", String(count + 10)],
    ]);
  }

  /** The binding of each client, when all are there. */
  async registered(registrar: Kamailio): Promise<readonly Binding[]> {
    try {
      return await registrar.registered(this.users);
    } catch (cause) {
      throw new Error(`not every client has registered\n${errorsOf("population", this.#folder)}`, { cause });
    }
  }

  /** Calls its users in turn at the home proxy; SIPp's exit code is 0 when every call went as the scenario says. */
  async call(calls: number, perSecond: number, homeProxy: string): Promise<CallsMade> {
    const rate = ["-m", String(calls), "-r", String(perSecond), "-timeout", "60s", "-timeout_error"];
    const { code } = await start("caller", homeProxy, this.#folder, ["-inf", this.#fields, "-t", "u1", ...rate]).exit();
    return { code, errors: errorsOf("caller", this.#folder) };
  }

  async stop(): Promise<void> {
    await this.#program.stop(500);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
