/** The program on disk, as an operator replaces it: a link that leads to the real one, or to one that fails in its own way. */
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { MAIN } from "./edge.js";

export class Installation {
  readonly program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-installed-"));

  constructor() {
    this.program = join(this.#folder, "main.js");
    this.restore();
    onTestFinished(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  /** The real program again. */
  restore(): void {
    this.#replace((draft) => symlinkSync(MAIN, draft));
  }

  /** The real program, which says no more when it is ready than the first version that could replace another. */
  earlier(): void {
    const ready = "{ kind: 'ready', version: message.version, follows: true }";
    this.install(`process.removeAllListeners("disconnect");\nconst send = process.send.bind(process);\nprocess.send = (message, done) => send(message.kind === "ready" ? ${ready} : message, done);\nawait import(${JSON.stringify(MAIN)});`);
  }

  /** A program of a few lines. `say(message)` tells the process that it is to replace. */
  install(lines: string): void {
    const head = "const say = (message) => new Promise((done) => process.send(message, done));\nprocess.on('disconnect', () => process.exit());\n";
    this.#replace((draft) => writeFileSync(draft, `${head}(async () => {\n${lines}\n})();\n`));
  }

  #replace(write: (draft: string) => void): void {
    const draft = join(this.#folder, "draft.js");
    write(draft);
    renameSync(draft, this.program);
  }
}
