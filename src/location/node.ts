/** The name of this node among those that share a location store: made at the first start, so that its UDP flows are its own after a restart. */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { StoreUnavailable } from "./store.js";

const FORM = /^[\w-]{8,32}$/;

/** The same for every thread of the process. Throws StoreUnavailable when the state folder cannot keep it. */
export function nodeOf(stateDir: string): string {
  const path = join(stateDir, "node");
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    make(path);
    const name = readFileSync(path, "utf8").trim();
    if (!FORM.test(name)) throw new Error(`${path} holds no name of a node; remove it`);
    return name;
  } catch (error) {
    throw new StoreUnavailable(`SLUICE_STATE_DIR must be a folder that can be written to, for nodes that share a Redis: ${String(error)}`, { cause: error });
  }
}

/** Either the complete file appears, or the one that another thread made stays. */
function make(path: string): void {
  const draft = `${path}.${process.pid}.${threadId}`;
  try {
    readFileSync(path);
    return;
  } catch {
    // The first start.
  }
  writeFileSync(draft, `${randomBytes(9).toString("base64url")}\n`, { flag: "wx", mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    unlinkSync(draft);
  }
}
