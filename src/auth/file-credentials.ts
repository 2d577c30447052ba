/** Users from an htdigest file, which is read again when it changes. */
import { readFileSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { CredentialStore, FoundUser, Ha1List, Ha1s } from "./credential-store.js";
import type { DigestAlgorithm } from "./digest.js";
import { HtdigestUsers } from "./htdigest.js";

const LOOK_EVERY_MS = 500;
/** What was known so long ago may have changed. */
const TRUSTED_MS = 1_000;

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

  async find(user: string, realm: string): Promise<FoundUser | undefined> {
    // A user who was removed longer ago is not let in once more.
    if (this.#isStale()) await this.#looking;
    const ha1s = this.#users.find(user, realm);
    return ha1s && { ha1s, keepMs: Infinity };
  }

  findNow(user: string, realm: string): Ha1s | undefined {
    return this.#users.find(user, realm);
  }

  all(algorithms: readonly DigestAlgorithm[]): Ha1List {
    return this.#users.all(algorithms);
  }

  async knows(user: string, realm: string): Promise<boolean> {
    return (await this.find(user, realm)) !== undefined;
  }

  commonAlgorithms(): readonly DigestAlgorithm[] {
    return this.#users.common;
  }

  revision(): number | undefined {
    return this.#isStale() ? undefined : this.#revision;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Looks at the file in good time, so that a busy server need not wait for that: while it does, every login goes to the object path. */
  #isStale(): boolean {
    const age = performance.now() - this.#lookedAt;
    if (age >= LOOK_EVERY_MS) this.#looking ??= this.#look();
    return age >= TRUSTED_MS;
  }

  async #look(): Promise<void> {
    const begin = performance.now();
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
      this.#lookedAt = begin;
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
