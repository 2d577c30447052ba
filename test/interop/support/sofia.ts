/** A user agent based on libsofia-sip-ua with the library's defaults: no reg-id, no Path. Compiled from test/interop/sofia/ua.c. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { Program } from "./program.js";

const SOURCE = join(import.meta.dirname, "../sofia/ua.c");

export interface SofiaOptions {
  readonly user: string;
  /** host:port */
  readonly server: string;
  readonly transport: "udp" | "tcp";
}

export class Sofia {
  readonly uri: string;
  readonly #folder: string;
  readonly #program: Program;
  #seen = 0;

  private constructor({ user, server, transport }: SofiaOptions, folder: string, port: number) {
    this.uri = `sip:${user}@example.com`;
    this.#folder = folder;
    const binary = join(folder, "ua");
    const flags = execFileSync("pkg-config", ["--cflags", "--libs", "sofia-sip-ua"], { encoding: "utf8" }).trim().split(/\s+/);
    execFileSync("cc", ["-O1", "-o", binary, SOURCE, ...flags]);
    const parameter = `;transport=${transport}`;
    this.#program = new Program("sofia", binary, [this.uri, `sip:${server}${parameter}`, `sip:127.0.0.1:${port}${parameter}`], folder);
  }

  /** Starts it and waits until it has registered. */
  static async start(options: SofiaOptions): Promise<Sofia> {
    const sofia = new Sofia(options, mkdtempSync(join(tmpdir(), "sluice-sofia-")), await freePort());
    try {
      await sofia.says("registered 200");
    } catch (error) {
      await sofia.stop();
      throw error;
    }
    return sofia;
  }

  call(uri: string): void {
    this.#program.type(`call ${uri}`);
  }

  hangUp(): void {
    this.#program.type("bye");
  }

  /** Waits for a line after the last awaited one. */
  async says(line: string): Promise<void> {
    const find = (): true | undefined => {
      const at = this.#program.output.indexOf(`${line}\n`, this.#seen);
      if (at < 0) return undefined;
      this.#seen = at + line.length;
      return true;
    };
    await this.#program.until(`"${line}" of ${this.uri}`, find, 2 * PATIENCE);
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
