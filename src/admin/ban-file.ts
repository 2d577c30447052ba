/** The bans in the state folder, so that they survive a restart. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaceFile } from "../base/replace-file.js";

/** Networks, each with the time in milliseconds since 1970 when its ban ends. */
export type BanList = readonly (readonly [network: string, until: number])[];

export function banFileOf(stateDir: string): string {
  return join(stateDir, "bans.json");
}

/** Throws when the file is not one of ours. */
export function readBans(path: string): BanList {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list) || !list.every(isBan)) throw new Error("it is not a list of bans");
  return list;
}

export function writeBans(path: string, bans: BanList): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(path, `${JSON.stringify(bans)}\n`);
}

function isBan(value: unknown): value is readonly [string, number] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "number";
}
