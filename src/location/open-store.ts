/** From the configuration to a store. */
import { join } from "node:path";
import { nodeOf } from "./node.js";
import type { ConnectionListener } from "./redis-client.js";
import type { LocationStore } from "./store.js";

export interface StoreOptions {
  /** `SLUICE_LOCATION`: `lmdb` (in the state folder) or the URL of a Redis. */
  readonly location: string;
  readonly stateDir: string;
  /** Told when a server is reached and lost; an embedded store never calls it. */
  readonly listener?: ConnectionListener;
}

/** Opens the store that the configuration names; each thread opens its own, all of them see the same bindings. Throws StoreUnavailable. */
export async function openLocationStore({ location, stateDir, listener }: StoreOptions): Promise<LocationStore> {
  // The database that is not used is not loaded.
  if (location === "lmdb") return (await import("./lmdb-store.js")).LmdbStore.open(join(stateDir, "location"));
  return (await import("./redis-store.js")).RedisStore.open(location, nodeOf(stateDir), listener);
}
