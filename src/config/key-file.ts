/** The key file of the state folder: made at the first start, so that tokens outlive a restart (decision D4). */
import { closeSync, existsSync, fstatSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../base/message-of.js";
import { commaList } from "./comma-list.js";
import { type FlowKey, MAX_FLOW_KEYS, flowKey, sameFlowKey } from "./flow-key.js";
import { expected } from "./kind.js";

const KEY_OCTETS = 32;
const HEADING = "# Signs flow tokens. The first key signs, all verify. Keep it secret.";
const keys = commaList(flowKey, { most: MAX_FLOW_KEYS, sameness: sameFlowKey });

export function keyFileOf(stateDir: string): string {
  return join(stateDir, "flow.keys");
}

/** The keys of the state folder, or undefined when it has no key file yet. */
export function readKeyFile(stateDir: string): readonly FlowKey[] | undefined {
  const path = keyFileOf(stateDir);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    return expected(`a folder whose flow.keys can be read: ${messageOf(error)}`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) expected(`${path} to be a plain file`);
    if ((stat.mode & 0o077) !== 0) expected(`${path} to be unreadable for other users: chmod 600 ${path}`);
    return parseFile(path, readFileSync(file, "utf8"));
  } finally {
    closeSync(file);
  }
}

function parseFile(path: string, text: string): readonly FlowKey[] {
  const lines = text.split("\n").map((line) => line.trim());
  try {
    return keys.parse(lines.filter((line) => line !== "" && !line.startsWith("#")).join(","));
  } catch (error) {
    return expected(`sound keys in ${path}, ${messageOf(error)} there`);
  }
}

export function hasKeyFile(stateDir: string): boolean {
  return existsSync(keyFileOf(stateDir));
}

/** The keys of the state folder; makes one when there is none. */
export function openKeyFile(stateDir: string): readonly FlowKey[] {
  return readKeyFile(stateDir) ?? makeKeyFile(stateDir);
}

function makeKeyFile(stateDir: string): readonly FlowKey[] {
  const path = keyFileOf(stateDir);
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const file = openSync(draft, "wx", 0o600);
    try {
      // Not by node:crypto: every command that reads the configuration would have to load it.
      writeFileSync(file, `${HEADING}\n1:${Buffer.from(crypto.getRandomValues(new Uint8Array(KEY_OCTETS))).toString("base64")}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    try {
      // Unlike a rename this fails if another process was first.
      linkSync(draft, path);
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    } finally {
      unlinkSync(draft);
    }
  } catch (error) {
    return expected(`a folder that can be written to: ${messageOf(error)}`);
  }
  return readKeyFile(stateDir) ?? expected(`${path} to stay where it is`);
}

/** Replaces the keys in the file atomically; throws what the file system reports. */
export function rewriteKeyFile(stateDir: string, ring: readonly FlowKey[]): void {
  const path = keyFileOf(stateDir);
  const draft = `${path}.${process.pid}`;
  const lines = ring.map(({ id, key }) => `${id}:${Buffer.from(key).toString("base64")}`);
  const file = openSync(draft, "wx", 0o600);
  try {
    writeFileSync(file, `${HEADING}\n${lines.join("\n")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
