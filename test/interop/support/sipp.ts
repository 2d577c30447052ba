/** SIPp plays scenarios: a population of clients behind the edge, and their callers. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Transport } from "../../support/wire.js";
import type { Binding, Kamailio } from "./kamailio.js";
import { peerPath } from "../../support/peers.js";
import { Program } from "./program.js";

const SCENARIOS = fileURLToPath(new URL("../sipp/", import.meta.url));

export interface CallsMade {
  readonly code: number | null;
  /** SIPp's report on calls that did not follow the scenario. */
  readonly errors: string;
}

export interface Manners {
  /** What happens to calls: answered at once, or ringing until they are cancelled. */
  readonly answer?: "answer" | "ring";
  /** Percentage of datagrams that the caller loses, sent or received, except those that the scenario spares. */
  readonly lost?: number;
  /** What its users' names begin with, instead of the transport. */
  readonly name?: string;
}

interface Run {
  readonly scenario: string;
  readonly target: string;
  readonly folder: string;
  /** Whether lost messages are retransmitted; otherwise every loss is visible. */
  readonly repeats: boolean;
}

function start({ scenario, target, folder, repeats }: Run, args: readonly string[]): Program {
  const files = ["-sf", `${SCENARIOS}${scenario}.xml`, "-trace_err", "-error_file", errorFile(scenario, folder)];
  // It would note as an error of the call that the machine stood still for half a second.
  const patient = ["-watchdog_interval", "0"];
  return new Program(`sipp ${scenario}`, peerPath("sipp"), [...files, ...patient, "-i", "127.0.0.1", "-nostdin", ...(repeats ? [] : ["-nr"]), ...args, target], folder);
}

function errorFile(scenario: string, folder: string): string {
  return join(folder, `${scenario}.errors`);
}

function errorsOf(scenario: string, folder: string): string {
  const file = errorFile(scenario, folder);
  if (!existsSync(file)) return "";
  // That the caller was asked whether it hears us is no error.
  const lines = readFileSync(file, "latin1").split("\n").filter((line) => !/out-of-call OPTIONS message|^The following events occurred:$/.test(line));
  return lines.join("\n").slice(0, 4_000);
}

function writeUsers(file: string, users: readonly string[]): void {
  writeFileSync(file, ["SEQUENTIAL", ...users.map((user) => `${user};${randomUUID()}`), ""].join("\n"));
}

export class Population {
  readonly users: readonly string[];
  readonly #lost: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-sipp-"));
  readonly #fields = join(this.#folder, "users.csv");
  readonly #program: Program;

  /** Clients named udp0, udp1, …, each on its own socket, register at once and then answer calls. */
  constructor(transport: Transport, count: number, edge: string, { answer = "answer", lost = 0, name = transport }: Manners = {}) {
    this.#lost = lost;
    this.users = Array.from({ length: count }, (_, at) => `${name}${at}`);
    writeUsers(this.#fields, this.users);
    this.#program = start({ scenario: "population", target: edge, folder: this.#folder, repeats: lost > 0 }, [
      ...["-oocsf", `${SCENARIOS}${answer}.xml`, "-inf", this.#fields, "-t", transport === "udp" ? "un" : "tn"],
      ...["-m", String(count), "-r", "100", "-max_socket", String(count + 10)],
      // Those whose edge ends must not take the others with them.
      ...["-max_reconnect", "1000", "-reconnect_sleep", "0", "-reconnect_close", "false"],
    ]);
  }

  /** SIPp's report on clients, or calls to them, that did not follow the scenario. */
  get errors(): string {
    return errorsOf("population", this.#folder);
  }

  /** The binding of each client, once all have one. */
  async registered(registrar: Kamailio): Promise<readonly Binding[]> {
    try {
      return await registrar.registered(this.users);
    } catch (cause) {
      throw new Error(`not every client has registered\n${this.errors}`, { cause });
    }
  }

  /** Calls these users in turn through the home proxy; SIPp's exit code is 0 if every call followed the scenario. */
  async call(calls: number, perSecond: number, homeProxy: string, scenario: "caller" | "canceller" = "caller", users = this.users): Promise<CallsMade> {
    const called = join(this.#folder, "called.csv");
    writeUsers(called, users);
    const rate = ["-m", String(calls), "-r", String(perSecond), "-timeout", "60s", "-timeout_error"];
    const run = { scenario, target: homeProxy, folder: this.#folder, repeats: this.#lost > 0 };
    const losses = this.#lost > 0 ? ["-lost", String(this.#lost)] : [];
    const { code } = await start(run, ["-oocsf", `${SCENARIOS}heard.xml`, "-inf", called, "-t", "u1", ...rate, ...losses]).exit();
    return { code, errors: errorsOf(scenario, this.#folder) };
  }

  async stop(): Promise<void> {
    await this.#program.stop(500);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
