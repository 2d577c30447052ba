/** `running.json` in the state folder: how commands on the same machine find the process that uses it. */
import { readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../base/replace-file.js";

export interface RunningFile {
  readonly pid: number;
  /** Clock ticks since boot: another process with the same pid started at another time. */
  readonly began: string;
  /** URL of the admin plane; undefined: it is off. */
  readonly admin?: string;
}

function pathOf(stateDir: string): string {
  return join(stateDir, "running.json");
}

/** Others report a folder that cannot be written. */
export function writeRunning(stateDir: string, admin: string | undefined): void {
  const file: RunningFile = { pid: process.pid, began: beginningOf(process.pid) ?? "", ...(admin === undefined ? {} : { admin }) };
  try {
    replaceFile(pathOf(stateDir), `${JSON.stringify(file)}\n`);
  } catch {
    // Commands then need an option that says where it is.
  }
}

/** Removes only our own: a second process may have replaced it meanwhile. */
export function removeRunning(stateDir: string): void {
  if (readRunning(stateDir)?.pid !== process.pid) return;
  try {
    unlinkSync(pathOf(stateDir));
  } catch {
    // It then names a process that has ended, which readers check.
  }
}

/** The process that is using that state folder. */
export function readRunning(stateDir: string): RunningFile | undefined {
  try {
    const file = JSON.parse(readFileSync(pathOf(stateDir), "utf8")) as RunningFile;
    return file.began === beginningOf(file.pid) ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat; the program's name, which may contain anything, ends at the last parenthesis. */
function beginningOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
