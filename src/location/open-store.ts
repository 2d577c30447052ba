/** From the configuration to a store. */
import { join } from "node:path";
import { LmdbStore } from "./lmdb-store.js";
import type { ConnectionListener } from "./redis-client.js";
import { RedisStore } from "./redis-store.js";
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
  return location === "lmdb" ? LmdbStore.open(join(stateDir, "location")) : RedisStore.open(location, listener);
}
