/** The state folder is private: its keys sign tokens, and its bindings reveal who is where. */
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const FOLDER = 0o700;
const FILE = 0o600;
const STICKY = 0o1000;

/** Takes others' access away, for existing files and for those that this process will make. Throws what the file system reports. */
export function keepPrivate(stateDir: string): void {
  process.umask(0o077);
  mkdirSync(stateDir, { recursive: true, mode: FOLDER });
  const { mode, uid } = statSync(stateDir);
  // A shared folder such as /tmp stays as it is; our files in it do not.
  if ((mode & STICKY) === 0 && uid === process.getuid?.()) chmodSync(stateDir, FOLDER);
  const store = join(stateDir, "location");
  if (existsSync(store)) {
    chmodSync(store, FOLDER);
    for (const name of readdirSync(store)) chmodSync(join(store, name), FILE);
  }
  for (const path of [join(stateDir, "flow.keys"), join(stateDir, "node"), join(stateDir, "bans.json"), join(stateDir, "starts"), join(stateDir, "running.json")]) if (existsSync(path)) chmodSync(path, FILE);
}
