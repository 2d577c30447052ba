/** How many file descriptors this process may open: `soft` now, `hard` if it asked. Infinity: unlimited (proc(5), /proc/pid/limits). */
import { readFileSync } from "node:fs";

export function descriptorLimits(): { readonly soft: number; readonly hard: number } {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return { soft: numberOf(soft), hard: numberOf(hard) };
}

function numberOf(text = ""): number {
  return /^\d+$/.test(text) ? Number(text) : Infinity;
}
