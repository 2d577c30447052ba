/** Bindings that version 1.0 kept in LMDB are read once, by a process of their own: what a damaged database does to its reader is done to that one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PACKAGE_FOLDER } from "../base/package-folder.js";
import { type Row, fromRow } from "./row.js";
import type { LocationStore } from "./store.js";

const READER = join(PACKAGE_FOLDER, "dist/read-lmdb.js");
const DATABASE = "data.mdb";
const MAX_MS = 600_000;
/** No limit of today keeps out what was let in yesterday. */
const NO_LIMIT = 4_096;

/** An address of record, and its bindings with times that count from now. */
export type LmdbLine = readonly [aor: string, rows: readonly Row[]];

/** Does nothing without such a database. Afterwards it renames the file, so that it is read only once, and reports what it could not read. */
export async function importLmdb(folder: string, store: LocationStore, onLoss: (line: string) => void): Promise<void> {
  const path = join(folder, DATABASE);
  if (!existsSync(path)) return;
  const child = spawn(process.execPath, [READER, folder], { stdio: ["ignore", "pipe", "ignore"], timeout: MAX_MS, killSignal: "SIGKILL" });
  const ended = once(child, "close").catch((error: unknown) => [error, null]);
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) count += await take(line, store).catch(() => 0);
  const [code, signal] = await ended;
  const isWhole = code === 0;
  const moved = `${path}.${isWhole ? "imported" : "unreadable"}`;
  renameSync(path, moved);
  rmSync(join(folder, "lock.mdb"), { force: true });
  if (isWhole) return;
  const why = signal === null ? `its reader ended with ${String(code)}` : `its reader died of ${String(signal)}`;
  onLoss(`the bindings of an earlier version in ${path} cannot be read (${why}): ${count} were; the other phones come back when they register again. The file is ${moved} now: delete it, or put its backup in ${path} and start again`);
}

/** How many bindings the line brought. A binding that is there already is newer. */
async function take(line: string, store: LocationStore): Promise<number> {
  const [aor, rows] = JSON.parse(line) as LmdbLine;
  const now = store.now();
  const known = new Set((await store.lookup(aor)).map(({ key }) => key));
  const bindings = rows.map((row) => fromRow(aor, row)).filter(({ key }) => !known.has(key));
  const results = bindings.map(({ expiresAt, updatedAt, ...rest }) => {
    const put = [{ ...rest, expiresAt: now + expiresAt, updatedAt: now + updatedAt }];
    return store.save(aor, { callId: "", cseq: 0, everything: false, put, drop: [], maxContacts: NO_LIMIT, maxFlows: NO_LIMIT });
  });
  return (await Promise.all(results)).filter(({ outcome }) => outcome === "saved").length;
}
