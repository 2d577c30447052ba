/** The edge under test: the compiled program in a separate process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { atEnd } from "./at-end.js";
import { Mailbox, PATIENCE } from "./mailbox.js";
import { TcpConnection } from "./tcp-connection.js";
import { UdpSocket } from "./udp-socket.js";
import type { Transport } from "./wire.js";
import { type Sender, complete } from "./sip-text.js";

export const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const START_DEADLINE = 2 * PATIENCE;
const UNASKED_MS = 2_000;

/** The sanitizer runtime must also be loaded into programs under test (scripts/sanitize.mjs). */
export const sanitizer = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(?:LD_PRELOAD|ASAN_OPTIONS|UBSAN_OPTIONS)$/.test(name)));

/** `SLUICE_TLS_RECORDS=openssl npm test` runs everything with the other records. */
const records = Object.fromEntries(Object.entries(process.env).filter(([name]) => name === "SLUICE_TLS_RECORDS"));

export type Settings = Readonly<Record<string, string>>;

/** `TEST_PATH=objects` (npm run test:long): a home server leaves every request to its object path. */
const paths: Settings = process.env["TEST_PATH"] === "objects" ? { SLUICE_FAST_PATH: "off" } : {};

/** Those that would outlive this process: some wait for further tests until it ends. */
const running = new Set<Edge>();
atEnd(() => running.forEach((edge) => edge.abandon()));

export class Edge {
  readonly stateDir: string;
  #process: ChildProcess;
  readonly settings: Settings;
  readonly #program: string;
  #output = "";
  #hasPlayed = false;
  #stopped = false;
  #isTouched = false;
  #scene = 0;

  private constructor(settings: Settings, program: string) {
    this.settings = settings;
    this.#program = program;
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run the build first`);
    this.stateDir = mkdtempSync(join(tmpdir(), "sluice-test-"));
    this.#process = this.#spawn();
    running.add(this);
  }

  /** Starts it and waits until an OPTIONS to itself is answered with 200. */
  static async start(settings: Settings, program = MAIN): Promise<Edge> {
    const edge = new Edge(settings, program);
    await edge.#ready();
    return edge;
  }

  /** Starts it without waiting, for settings with which it should not start. */
  static launch(settings: Settings): Edge {
    return new Edge(settings, MAIN);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Everything it has written to stdout and stderr in this scene. */
  get output(): string {
    return this.#output.slice(this.#scene);
  }

  /** The first scene also includes what was written at startup. */
  beginScene(): void {
    if (this.#hasPlayed) this.#scene = this.#output.length;
    this.#hasPlayed = true;
  }

  /** Whether it has received a signal, so that other tests cannot use it. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** Tells the edge to exit; the test does the rest. */
  terminate(): void {
    this.#stopped = true;
    this.signal("SIGTERM");
  }

  signal(name: NodeJS.Signals): void {
    this.#isTouched = true;
    this.#process.kill(name);
  }

  async exited(): Promise<number | null> {
    if (this.isRunning) await once(this.#process, "exit");
    return this.#process.exitCode;
  }

  /** As an operator stops it: SIGTERM, then SIGKILL if it does not react. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.isRunning) {
      this.signal("SIGTERM");
      const late = sleep(10_000, "late", { ref: false });
      if ((await Promise.race([this.exited(), late])) === "late") await this.kill();
    }
    this.abandon();
  }

  /** Ends what is left of it without waiting. */
  abandon(): void {
    running.delete(this);
    this.#process.kill("SIGKILL");
    rmSync(this.stateDir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Like a crash. */
  async kill(): Promise<void> {
    this.#stopped = true;
    this.signal("SIGKILL");
    await this.exited();
  }

  /** Starts again with the same settings and the same state folder. */
  async restart(): Promise<void> {
    if (this.isRunning) await this.kill();
    this.#stopped = false;
    this.#process = this.#spawn();
    await this.#ready();
  }

  /** Sends one OPTIONS to each client-side listener; throws if one stays silent. An edge that a test has stopped is left alone. */
  async expectHealthy(): Promise<void> {
    if (this.#stopped) return;
    if (!this.isRunning) throw new Error(`the edge has ended:\n${this.#output}`);
    for (const listener of listeners(this.settings["SLUICE_LISTEN"] ?? "")) {
      if (!(await answers(listener, this.settings["SLUICE_WS_ORIGINS"]?.split(",")[0]))) throw new Error(`${JSON.stringify(listener)} does not answer:\n${this.#output}`);
    }
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [this.#program], {
      env: {
        PATH: process.env["PATH"],
        ...sanitizer,
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
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (bytes: Buffer): void => {
      this.#output += bytes.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    return child;
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + START_DEADLINE;
    const [listener] = listeners(this.settings["SLUICE_LISTEN"] ?? "");
    if (!listener) throw new Error("an edge under test needs SLUICE_LISTEN");
    // To ask before its log says so would only take time, if there is a log.
    const asksFrom = Date.now() + UNASKED_MS;
    const begin = this.#output.length;
    while (Date.now() < asksFrom && this.isRunning && !this.#output.includes("sluice is up", begin)) await sleep(5);
    while (Date.now() < deadline && this.isRunning) {
      if (await answers(listener, this.settings["SLUICE_WS_ORIGINS"]?.split(",")[0], 200)) return;
      await sleep(20);
    }
    const { output } = this;
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
