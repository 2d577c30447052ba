/** A server under test: the compiled program, inside the process of the tests or in one of its own. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { atEnd } from "./at-end.js";
import { Mailbox, PATIENCE } from "./mailbox.js";
import type { Server } from "./server.js";
import { ServerProcess } from "./server-process.js";
import { ServerWithin } from "./server-within.js";
import { TcpConnection } from "./tcp-connection.js";
import { UdpSocket } from "./udp-socket.js";
import type { Transport } from "./wire.js";
import { type Sender, complete } from "./sip-text.js";

export const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const START_DEADLINE = 2 * PATIENCE;

/** `SLUICE_TLS_RECORDS=openssl npm test` runs everything with the other records. */
const records = Object.fromEntries(Object.entries(process.env).filter(([name]) => name === "SLUICE_TLS_RECORDS"));

/** `TEST_SERVERS=process npm test`: none runs inside the process of the tests, which a fault of the addon would end. */
const ALWAYS_SPAWNS = process.env["TEST_SERVERS"] === "process";

export type Settings = Readonly<Record<string, string>>;

/** Nothing is lost on loopback, so on a slow machine what the server repeats would only be read as something new. Tests of repetition set their own T1. */
export const PATIENT: Settings = { SLUICE_T1_MS: "2000" };

/** `TEST_PATH=objects` (npm run test:long): a home server leaves every request to its object path. */
const paths: Settings = process.env["TEST_PATH"] === "objects" ? { SLUICE_FAST_PATH: "off" } : {};

/** Those that would outlive this process: some wait for further tests until it ends. */
const running = new Set<Edge>();
atEnd(() => running.forEach((edge) => edge.abandon()));

export class Edge {
  readonly stateDir: string;
  readonly settings: Settings;
  /** Undefined: it runs inside this process. */
  readonly #program: string | undefined;
  #server: Server;
  /** Of its servers before this one. */
  #past = "";
  #hasPlayed = false;
  #stopped = false;
  #isTouched = false;
  #scene = 0;

  private constructor(settings: Settings, program: string | undefined) {
    this.settings = settings;
    // Only the program reads a file of variables.
    this.#program = program ?? (ALWAYS_SPAWNS || settings["SLUICE_ENV_FILE"] !== undefined ? MAIN : undefined);
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run the build first`);
    this.stateDir = mkdtempSync(join(tmpdir(), "sluice-test-"));
    this.#server = this.#begin();
    running.add(this);
  }

  /** Starts it and waits until an OPTIONS to itself is answered with 200. */
  static async start(settings: Settings, program?: string): Promise<Edge> {
    const edge = new Edge(settings, program);
    await edge.#ready();
    return edge;
  }

  /** The same in a process of its own, for tests that send it signals, kill it, or look at its process. */
  static spawn(settings: Settings, program = MAIN): Promise<Edge> {
    return Edge.start(settings, program);
  }

  /** Starts a process without waiting, for settings with which it should not start. */
  static launch(settings: Settings): Edge {
    return new Edge(settings, MAIN);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Everything it has written to stdout and stderr in this scene. */
  get output(): string {
    return this.#all.slice(this.#scene);
  }

  /** The first scene also includes what was written at startup. */
  beginScene(): void {
    if (this.#hasPlayed) this.#scene = this.#all.length;
    this.#hasPlayed = true;
  }

  get #all(): string {
    return this.#past + this.#server.output;
  }

  /** Whether it has received a signal, so that other tests cannot use it. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  get isRunning(): boolean {
    return this.#server.isRunning;
  }

  get exitCode(): number | null {
    return this.#server.exitCode;
  }

  /** Tells the edge to exit; the test does the rest. */
  terminate(): void {
    this.#stopped = true;
    this.signal("SIGTERM");
  }

  signal(name: NodeJS.Signals): void {
    this.#isTouched = true;
    this.#server.signal(name);
  }

  exited(): Promise<number | null> {
    return this.#server.exited();
  }

  /** As an operator stops it: drained, and killed if it does not end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#server.stop();
    this.abandon();
  }

  /** Ends what is left of it without waiting. */
  abandon(): void {
    running.delete(this);
    this.#server.abandon();
    rmSync(this.stateDir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Like a crash. */
  async kill(): Promise<void> {
    this.#stopped = true;
    this.#isTouched = true;
    await this.#server.kill();
  }

  /** Starts again with the same settings and the same state folder. */
  async restart(): Promise<void> {
    if (this.isRunning) await this.kill();
    this.#stopped = false;
    this.#past += this.#server.output;
    this.#server = this.#begin();
    await this.#ready();
  }

  /** Sends one OPTIONS to each client-side listener; throws if one stays silent. An edge that a test has stopped is left alone. */
  async expectHealthy(): Promise<void> {
    if (this.#stopped) return;
    if (!this.isRunning) throw new Error(`the edge has ended:\n${this.#all}`);
    for (const listener of listeners(this.settings["SLUICE_LISTEN"] ?? "")) {
      if (!(await answers(listener, this.settings["SLUICE_WS_ORIGINS"]?.split(",")[0]))) throw new Error(`${JSON.stringify(listener)} does not answer:\n${this.#all}`);
    }
  }

  #begin(): Server {
    const settings = {
      ...records,
      ...paths,
      SLUICE_MODE: "edge",
      SLUICE_SHARDS: "1",
      SLUICE_STATE_DIR: this.stateDir,
      // A drain lasts at least a second, and nearly every test would wait for it; tests of draining set their own time.
      SLUICE_DRAIN_SECONDS: "0",
      // Several edges may run at once; tests of the admin plane set their own port.
      SLUICE_ADMIN_LISTEN: "off",
      ...this.settings,
    };
    return this.#program === undefined ? new ServerWithin(settings) : new ServerProcess(this.#program, settings);
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + START_DEADLINE;
    const [listener] = listeners(this.settings["SLUICE_LISTEN"] ?? "");
    if (!listener) throw new Error("an edge under test needs SLUICE_LISTEN");
    await this.#server.up();
    while (Date.now() < deadline && this.isRunning) {
      if (await answers(listener, this.settings["SLUICE_WS_ORIGINS"]?.split(",")[0], 200)) return;
      await sleep(20);
    }
    const output = this.#all;
    await this.stop();
    throw new Error(`the edge did not come up:\n${output}`);
  }
}

interface Listener {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
}

function listeners(setting: string): Listener[] {
  // A listener that accepts only balancers does not answer us.
  const open = setting.split(",").filter((listener) => !listener.includes("proxy=require")).join(",");
  return [...open.matchAll(/(udp|tcp|tls|wss?):(\[[^\]]*\]|[^:,]*):(\d+)/g)].map(([, transport, host = "", port]) => ({
    transport: transport as Transport,
    host: host.replace(/[[\]]/g, ""),
    port: Number(port),
  }));
}

async function answers(listener: Listener, origin: string | undefined, timeout = PATIENCE): Promise<boolean> {
  const inbox = new Mailbox<string>();
  const receive = ({ text }: { text: string }): void => inbox.put(text);
  try {
    const open = listener.transport === "udp" ? UdpSocket.open(listener, receive) : TcpConnection.open(listener, receive, { transport: listener.transport, origin });
    const socket = await open;
    try {
      const uri = listener.host.includes(":") ? `[${listener.host}]` : listener.host;
      const sender: Sender = { name: "health", at: socket.at, transport: socket.transport, scene: "health" };
      await socket.send(complete(`OPTIONS sip:${uri}:${listener.port} SIP/2.0`, sender));
      return (await inbox.take("health", timeout)).startsWith("SIP/2.0 200");
    } finally {
      await socket.close();
    }
  } catch {
    return false;
  }
}
