/** The state folder is private: its keys sign tokens, and its bindings reveal who is where. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";

const FOLDER = 0o700;
const FILE = 0o600;
const STICKY = 0o1000;

/** Takes others' access away, for existing files and for those that this process will make. Returns whether the folder is new. Throws what the file system reports. */
export function keepPrivate(stateDir: string): boolean {
  process.umask(0o077);
  const isNew = mkdirSync(stateDir, { recursive: true, mode: FOLDER }) !== undefined;
  const { mode, uid } = statSync(stateDir);
  // A shared folder such as /tmp stays as it is; our files in it do not.
  if ((mode & STICKY) === 0 && uid === process.getuid?.()) chmodSync(stateDir, FOLDER);
  const store = join(stateDir, "location");
  if (existsSync(store)) {
    chmodSync(store, FOLDER);
    for (const name of readdirSync(store)) chmodSync(join(store, name), FILE);
  }
  for (const path of [join(stateDir, "flow.keys"), join(stateDir, "node"), join(stateDir, "bans.json"), join(stateDir, "starts"), join(stateDir, "running.json")]) if (existsSync(path)) chmodSync(path, FILE);
  return isNew;
}

/** A start that failed leaves no empty folder behind. One with something in it stays: another process may have keys there by now. */
export function leaveNone(stateDir: string): void {
  try {
    rmdirSync(stateDir);
  } catch {
    // It is not empty.
  }
}
