/** From the configuration to a store. */
import type { LocationStore } from "./store.js";

export interface StoreOptions {
  /** `SLUICE_LOCATION`: `lmdb` (in the state folder) or the URL of a Redis. */
  readonly location: string;
  readonly stateDir: string;
}

/** Opens the store that the configuration names; each thread opens its own, all of them see the same bindings. */
export function openLocationStore(options: StoreOptions): Promise<LocationStore> {
  return Promise.reject(new Error(`not there yet: ${options.location}`));
}
