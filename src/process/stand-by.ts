/**
 * A second server under the keeper (SLUICE_KEEPER=standby): it loads everything, threads included, and waits until the first one has crashed. What it
 * finds then, configuration included, it reads as any start does.
 */
import { readEnvironment } from "../config/environment.js";
import { readSettings } from "../config/read.js";
import { warmThreads } from "../shard/shard-thread.js";
import { Keeper } from "./keeper.js";

/** Resolves when it is its turn; ends this process when the keeper has ended. */
export async function standBy(): Promise<void> {
  await Promise.all([import("./run.js"), import("../admin/server.js")]);
  await warmThreads(settingsNow());
  Keeper.standBy();
}

/** How many shards there will be is a guess: the configuration may be another one by then, or faulty now. */
function settingsNow(): { readonly shards: number; readonly isHome: boolean } {
  try {
    const { settings } = readSettings(readEnvironment());
    return { shards: settings?.shards ?? 0, isHome: settings !== undefined && settings.mode !== "edge" };
  } catch {
    return { shards: 0, isHome: false };
  }
}
