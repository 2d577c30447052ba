/** The configuration as the program sees it: typed, frozen, one for the whole process. */
import type { FlowKey } from "./flow-key.js";
import type { table } from "./table.js";
import type { Variable } from "./variable.js";

/** The settings in the environment. */
export type Settings = {
  readonly [Key in keyof typeof table]: (typeof table)[Key] extends Variable<infer T> ? T : never;
};

/** What the program runs with: with keys, from the environment or the key file. */
export type Config = Omit<Settings, "flowKeys"> & { readonly flowKeys: readonly FlowKey[] };
