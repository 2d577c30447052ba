/** CPU and memory of a process and all its descendants, as counted by the kernel. */
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** That process and all its descendants. */
export function familyOf(pid) {
  const children = textOf(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean);
  return [pid, ...children.flatMap(familyOf)];
}

function sumOver(pid, of) {
  return familyOf(pid).reduce((sum, member) => sum + of(member), 0);
}

/** Seconds of CPU. */
export function cpuOf(pid) {
  return sumOver(pid, (member) => {
    const fields = readFileSync(`/proc/${member}/stat`, "latin1").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  });
}

/** Memory in KiB; shared parts count once. */
export function memoryOf(pid) {
  return sumOver(pid, (member) => Number(/^Pss:\s+(\d+)/m.exec(textOf(`/proc/${member}/smaps_rollup`))?.[1] ?? 0));
}

/** Empty for a process that has just ended. */
function textOf(path) {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
