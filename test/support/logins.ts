/** The login memory that the shards of a process share. */
import { randomBytes } from "node:crypto";
import type { Logins } from "../../src/native/binding.js";
import { binding } from "../../src/native/load.js";

export function newLogins(): Logins {
  const cluster = binding.createCluster(1, 1 << 16, [], randomBytes(96));
  if (typeof cluster !== "number") throw new Error("no cluster");
  return new binding.Logins(cluster);
}
