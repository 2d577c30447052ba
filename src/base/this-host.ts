/** The addresses of the machine that this runs on. */
import { networkInterfaces } from "node:os";

/** Asking the kernel takes tens of microseconds, and interfaces seldom change. */
const KEPT_MS = 10_000;
let addresses: ReadonlySet<string> = new Set();
let until = -Infinity;

/** `address`: literal, without brackets. */
export function isThisHost(address: string): boolean {
  const now = performance.now();
  if (now >= until) {
    addresses = new Set(Object.values(networkInterfaces()).flatMap((list = []) => list.map((one) => one.address)));
    until = now + KEPT_MS;
  }
  return addresses.has(address);
}
