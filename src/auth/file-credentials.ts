/** Users from an htdigest file, which is read again when it changes. */
import { readFileSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { CredentialStore, Ha1s } from "./credential-store.js";
import type { DigestAlgorithm } from "./digest.js";
import { HtdigestUsers } from "./htdigest.js";

const LOOK_EVERY_MS = 1_000;

export class FileCredentials implements CredentialStore {
  readonly #path: string;
  readonly #report: (error: unknown) => void;
  #users: HtdigestUsers;
  #version: string;
  #lookedAt = performance.now();
  #looking: Promise<void> | undefined;
  #revision = 0;

  /** Throws when the file cannot be read or holds a bad line; if that happens later it is logged, and the users stay as they were. */
  constructor(path: string, report: (error: unknown) => void, { version, users } = readAtOnce(path)) {
    this.#path = path;
    this.#report = report;
    this.#version = version;
    this.#users = users;
  }

  /** The same while messages come: none waits for a file of a hundred thousand users. */
  static async open(path: string, report: (error: unknown) => void): Promise<FileCredentials> {
    const version = versionOf(await stat(path));
    return new FileCredentials(path, report, { version, users: await readInSlices(path) });
  }

  async find(user: string, realm: string): Promise<Ha1s | undefined> {
    // Requests that come during the check wait for its result: a user who was removed is not let in once more.
    if (this.#isDue()) this.#looking ??= this.#look();
    if (this.#looking !== undefined) await this.#looking;
    return this.#users.find(user, realm);
  }

  findNow(user: string, realm: string): Ha1s | undefined {
    return this.#users.find(user, realm);
  }

  async knows(user: string, realm: string): Promise<boolean> {
    return (await this.find(user, realm)) !== undefined;
  }

  commonAlgorithms(): readonly DigestAlgorithm[] {
    return this.#users.common;
  }

  revision(): number | undefined {
    // Even if nobody logs in, so that challenges do not stay on the object path.
    if (this.#isDue()) this.#looking ??= this.#look();
    return this.#looking === undefined ? this.#revision : undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #isDue(): boolean {
    return performance.now() - this.#lookedAt >= LOOK_EVERY_MS;
  }

  async #look(): Promise<void> {
    try {
      const version = versionOf(await stat(this.#path));
      if (version === this.#version) return;
      // Recorded first: a bad file is reported once each time that it is written.
      this.#version = version;
      this.#users = await readInSlices(this.#path);
      this.#revision += 1;
    } catch (error) {
      this.#report(error);
    } finally {
      this.#lookedAt = performance.now();
      this.#looking = undefined;
    }
  }
}

function readAtOnce(path: string): { readonly version: string; readonly users: HtdigestUsers } {
  return { version: versionOf(statSync(path)), users: new HtdigestUsers(readFileSync(path, "latin1")) };
}

async function readInSlices(path: string): Promise<HtdigestUsers> {
  return HtdigestUsers.inSlices(await readFile(path, "latin1"));
}

function versionOf({ ino, size, mtimeMs }: { readonly ino: number; readonly size: number; readonly mtimeMs: number }): string {
  return `${ino} ${size} ${mtimeMs}`;
}
