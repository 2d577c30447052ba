/** The keys of the flow tokens: listing their ids, and adding a new one in front. */
import { randomBytes } from "node:crypto";
import type { FlowKey } from "../config/flow-key.js";
import { MAX_FLOW_KEYS } from "../config/flow-key.js";
import { rewriteKeyFile } from "../config/key-file.js";
import { ControlRefusal } from "./control-refusal.js";
import type { Running } from "./running.js";

const IDS = 64;
const KEY_OCTETS = 32;

export interface KeyView {
  readonly id: number;
  readonly octets: number;
  readonly signs: boolean;
}

export function keyViews({ config }: Running): readonly KeyView[] {
  return config.flowKeys.map(({ id, key }, at) => ({ id, octets: key.length, signs: at === 0 }));
}

/** A new key signs from now on; the others verify what they signed. When the ring is full the oldest key goes, and its tokens with it. */
export function rotateKeys(running: Running, keysAreInFile: boolean): readonly KeyView[] {
  if (!keysAreInFile) throw new ControlRefusal(409, "the keys stand in SLUICE_FLOW_KEYS, which edges may share: add a new one at its end on every edge and reload each, then move it to the front on every edge and reload again (docs/operate/upgrade.md)");
  const old = running.config.flowKeys;
  const taken = new Set(old.map(({ id }) => id));
  let id = ((old[0]?.id ?? 0) + 1) % IDS;
  while (taken.has(id)) id = (id + 1) % IDS;
  const fresh: FlowKey = Object.freeze({ id, key: new Uint8Array(randomBytes(KEY_OCTETS)) });
  const keys = [fresh, ...old.slice(0, MAX_FLOW_KEYS - 1)];
  rewriteKeyFile(running.config.stateDir, keys);
  running.setKeys(keys);
  running.log.info({ key: id, keys: keys.length }, "a new flow key signs from now on");
  return keyViews(running);
}
