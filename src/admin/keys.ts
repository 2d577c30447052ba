/** The keys of the flow tokens: listing their ids, rotating, and the steps in which a farm rotates them. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
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

const SHARED = "the keys stand in SLUICE_FLOW_KEYS, which edges may share: add a new one at its end on every edge and reload each, then move it to the front on every edge and reload again, or keep them in flow.keys of SLUICE_STATE_DIR (docs/operate/upgrade.md)";

/** A new key signs from now on; the others verify what they signed. When the ring is full the oldest key goes, and its tokens with it. */
export function rotateKeys(running: Running, keysAreInFile: boolean): readonly KeyView[] {
  const old = running.config.flowKeys;
  const fresh = freshKey(old);
  write(running, [fresh, ...old.slice(0, MAX_FLOW_KEYS - 1)], keysAreInFile);
  running.log.info({ key: fresh.id, keys: running.config.flowKeys.length }, "a new flow key signs from now on");
  return keyViews(running);
}

export function freshKey(ring: readonly FlowKey[]): FlowKey {
  const taken = new Set(ring.map(({ id }) => id));
  let id = ((ring[0]?.id ?? 0) + 1) % IDS;
  while (taken.has(id)) id = (id + 1) % IDS;
  return Object.freeze({ id, key: new Uint8Array(randomBytes(KEY_OCTETS)) });
}

/** It only verifies. */
export function addKey(running: Running, key: FlowKey, keysAreInFile: boolean): readonly KeyView[] {
  const ring = running.config.flowKeys;
  const known = ring.find(({ id }) => id === key.id);
  if (known !== undefined && !timingSafeEqual(digestOf(known), digestOf(key))) throw new ControlRefusal(409, `there is another key ${key.id}`);
  if (known === undefined && ring.length >= MAX_FLOW_KEYS) throw new ControlRefusal(409, `there are ${MAX_FLOW_KEYS} keys already`);
  if (known === undefined) {
    write(running, [...ring, key], keysAreInFile);
    running.log.info({ key: key.id }, "a flow key verifies from now on");
  }
  return keyViews(running);
}

export function putFirst(running: Running, id: number, keysAreInFile: boolean): readonly KeyView[] {
  const ring = running.config.flowKeys;
  const first = ring.find((key) => key.id === id);
  if (first === undefined) throw new ControlRefusal(404, `there is no key ${id}`);
  if (ring[0] !== first) {
    write(running, [first, ...ring.filter((key) => key !== first)], keysAreInFile);
    running.log.info({ key: id }, "another flow key signs from now on");
  }
  return keyViews(running);
}

export function dropKey(running: Running, id: number, keysAreInFile: boolean): readonly KeyView[] {
  const ring = running.config.flowKeys;
  if (ring[0]?.id === id) throw new ControlRefusal(409, `key ${id} signs: rotate first`);
  mustHave(ring, id);
  write(running, ring.filter((key) => key.id !== id), keysAreInFile);
  running.log.warn({ key: id }, "a flow key is gone: tokens that it signed get 430");
  return keyViews(running);
}

export function mustHave(ring: readonly FlowKey[], id: number): void {
  if (ring.every((key) => key.id !== id)) throw new ControlRefusal(404, `there is no key ${id}: the keys are ${ring.map((key) => key.id).join(", ")}`);
}

export function showKey({ id, key }: FlowKey): string {
  return `${id}:${Buffer.from(key).toString("base64")}`;
}

function digestOf({ key }: FlowKey): Buffer {
  return createHash("sha256").update(key).digest();
}

function write(running: Running, ring: readonly FlowKey[], keysAreInFile: boolean): void {
  if (!keysAreInFile) throw new ControlRefusal(409, SHARED);
  rewriteKeyFile(running.config.stateDir, ring);
  running.setKeys(ring);
}
