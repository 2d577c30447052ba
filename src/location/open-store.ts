/** Opens the store that the configuration names. */
import { join } from "node:path";
import { EMBEDDED } from "../config/location.js";
import type { NativeStoreOptions } from "./native-store.js";
import type { BindingNewsRow } from "../native/inspect.js";
import { nodeOf } from "./node.js";
import type { ConnectionListener } from "./redis-client.js";
import type { LocationStore } from "./store.js";

export interface StoreOptions extends NativeStoreOptions {
  /** `SLUICE_LOCATION`: `embedded` (in the state folder) or the URL of a Redis. */
  readonly location: string;
  readonly stateDir: string;
  /** Called when a server is reached or lost; never by an embedded store. */
  readonly listener?: ConnectionListener | undefined;
  /** Called for a REGISTER that a server has refused. */
  readonly report?: (error: unknown) => void;
  /** Hears what happens to bindings in a Redis; those of an embedded store the main thread takes itself. */
  readonly tell?: (news: BindingNewsRow) => void;
  /** So many rows of an address in a Redis cannot be read. */
  readonly unread?: (rows: number) => void;
}

/** Opens the store that the configuration names; each thread opens its own, all of them see the same bindings. Rejects with StoreUnavailable. */
export async function openLocationStore({ location, stateDir, listener, ...options }: StoreOptions): Promise<LocationStore> {
  // What is not used is not loaded.
  if (location === EMBEDDED) return (await import("./native-store.js")).NativeStore.open(folderOf(stateDir), options);
  return (await import("./redis-store.js")).RedisStore.open(location, nodeOf(stateDir), { ...options, listener });
}

/** Where the embedded store lies. */
export function folderOf(stateDir: string): string {
  return join(stateDir, "location");
}
