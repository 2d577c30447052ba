/** Debian's redis-server for one test, with its own port and folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.js";

const HOST = "127.0.0.1";
const START_MS = 10_000;

export class RedisServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-redis-"));
  readonly #extra: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, extra: readonly string[]) {
    this.port = port;
    this.#extra = extra;
  }

  /** `extra`: further command-line settings. */
  static async start(...extra: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(HOST), extra);
    await server.begin();
    return server;
  }

  /** A sentinel that monitors `master` under this name and declares it down after a moment. */
  static async sentinel(master: RedisServer, name: string): Promise<RedisServer> {
    const watch = `sentinel monitor ${name} ${HOST} ${master.port} 1\nsentinel down-after-milliseconds ${name} 300\nsentinel failover-timeout ${name} 2000\n`;
    const server = new RedisServer(await freePort(HOST), []);
    const file = join(server.#folder, "sentinel.conf");
    writeFileSync(file, `port ${server.port}\nbind ${HOST}\n${watch}`);
    await server.#spawn([file, "--sentinel"]);
    return server;
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`;
  }

  /** Restarts it after `kill`. Every write is in its append-only file, so nothing is lost. */
  async begin(): Promise<void> {
    const settings = ["--port", String(this.port), "--bind", HOST, "--dir", this.#folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"];
    await this.#spawn([...settings, ...this.#extra]);
  }

  async #spawn(settings: readonly string[]): Promise<void> {
    this.#process = spawn("redis-server", settings, { stdio: "ignore" });
    const deadline = Date.now() + START_MS;
    while (!(await this.#answers())) {
      if (Date.now() > deadline) throw new Error("redis-server does not start");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    await new Promise((resolve) => {
      process.once("exit", resolve);
      process.kill("SIGKILL");
    });
  }

  /** Makes the server hang: it accepts connections and answers nothing until `resume`. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket: Socket = connect(this.port, HOST, () => socket.write("PING\r\n"));
      const end = (answered: boolean): void => {
        socket.destroy();
        resolve(answered);
      };
      socket.once("data", (data) => end(data.toString().startsWith("+PONG")));
      socket.once("error", () => end(false));
    });
  }
}
