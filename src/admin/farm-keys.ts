/**
 * Rotates the flow keys of all edges of a farm, from one of them: the new key last everywhere, then first everywhere. At each moment every
 * edge verifies what any of them signs, so it may stop anywhere; the next try goes on from there.
 */
import { type FlowKey, MAX_FLOW_KEYS } from "../config/flow-key.js";
import { ControlRefusal } from "./control-refusal.js";
import { addKey, freshKey, keyViews, mustHave, putFirst, showKey, type KeyView } from "./keys.js";
import type { Neighbours, Order } from "./neighbours.js";
import type { Running } from "./running.js";

const PATIENCE_MS = 5_000;

interface Keys {
  readonly keys: readonly KeyView[];
}

export async function rotateFarmKeys(running: Running, neighbours: Neighbours, keysAreInFile: boolean): Promise<readonly KeyView[]> {
  const rotation = new Rotation(running, neighbours);
  await rotation.look();
  const own = running.config.flowKeys;
  const begun = rotation.begun();
  const fresh = begun ?? freshKey(own);
  if (begun === undefined) {
    if (own.length >= MAX_FLOW_KEYS) throw new ControlRefusal(409, `there are ${MAX_FLOW_KEYS} keys: first \`sluice keys drop ${own.at(-1)?.id} --farm\`, when no registration made with it is left`);
    addKey(running, fresh, keysAreInFile);
  }
  await rotation.bring();
  putFirst(running, fresh.id, keysAreInFile);
  await rotation.order(fresh.id);
  return keyViews(running);
}

/** Takes a key that no longer signs away from all edges, this one last. */
export async function dropFarmKey(running: Running, neighbours: Neighbours, id: number): Promise<void> {
  mustHave(running.config.flowKeys, id);
  const rotation = new Rotation(running, neighbours);
  await rotation.look();
  rotation.mustNotSign(id);
  await rotation.drop(id);
}

class Rotation {
  readonly #running: Running;
  readonly #neighbours: Neighbours;
  readonly #rings = new Map<number, readonly KeyView[]>();

  constructor(running: Running, neighbours: Neighbours) {
    this.#running = running;
    this.#neighbours = neighbours;
  }

  /** Every edge answers, and none has a key that this one lacks: it would sign what this one refuses. */
  async look(): Promise<void> {
    const own = new Set(this.#running.config.flowKeys.map(({ id }) => id));
    for (const node of this.#neighbours.numbers) {
      const ring = await this.#ask(node, { method: "GET", path: "keys", patience: PATIENCE_MS }, "nothing has changed");
      const unknown = ring.find(({ id }) => !own.has(id));
      if (unknown !== undefined) throw new ControlRefusal(409, `node ${node} has key ${unknown.id}, which this node lacks: rotate from node ${node}, or give both the same flow.keys; nothing has changed`);
    }
  }

  /** The key of an earlier try that stopped half-way: not yet everywhere, or first only here. */
  begun(): FlowKey | undefined {
    const ring = this.#running.config.flowKeys;
    const last = ring.at(-1);
    const rings = [...this.#rings.values()];
    if (ring.length > 1 && rings.some((other) => other.every(({ id }) => id !== last?.id))) return last;
    return rings.some((other) => other[0]?.id !== ring[0]?.id) ? ring[0] : undefined;
  }

  mustNotSign(id: number): void {
    const signer = [...this.#rings].find(([, ring]) => ring.some((key) => key.id === id && key.signs));
    if (signer !== undefined) throw new ControlRefusal(409, `node ${signer[0]} signs with key ${id}; nothing has changed`);
  }

  /** Every edge gets what it lacks, at the end. */
  async bring(): Promise<void> {
    for (const node of this.#neighbours.numbers) {
      for (const key of this.#running.config.flowKeys) {
        if (this.#rings.get(node)?.some(({ id }) => id === key.id) === true) continue;
        const ring = await this.#ask(node, { method: "POST", path: "keys", body: { key: showKey(key) }, patience: PATIENCE_MS }, "no edge signs with the new key yet, so all tokens verify; try again");
        if (!ring.some(({ id }) => id === key.id)) throw new ControlRefusal(409, `node ${node} did not keep key ${key.id}; no edge signs with it yet, so all tokens verify`);
      }
    }
  }

  async order(id: number): Promise<void> {
    for (const node of this.#neighbours.numbers) {
      const ring = await this.#ask(node, { method: "PUT", path: `keys/${id}/first`, body: {}, patience: PATIENCE_MS }, `some edges sign with key ${id} and some do not, but all verify both; try again`);
      if (ring[0]?.id !== id) throw new ControlRefusal(409, `node ${node} does not sign with key ${id}, but all edges verify both; try again`);
    }
  }

  async drop(id: number): Promise<void> {
    for (const node of this.#neighbours.numbers) {
      if (this.#rings.get(node)?.some((key) => key.id === id) === true) await this.#ask(node, { method: "DELETE", path: `keys/${id}`, patience: PATIENCE_MS }, `some edges still have key ${id}; try again`);
    }
  }

  async #ask(node: number, order: Order, so: string): Promise<readonly KeyView[]> {
    const { answer, error } = await this.#neighbours.ask<Keys>(node, order);
    if (answer === undefined || !hasKeys(answer)) throw new ControlRefusal(409, `node ${node}: ${error ?? "it names no keys"}; ${so}`);
    this.#rings.set(node, answer.keys);
    return answer.keys;
  }
}

/** Something else than an admin plane may be at its address. */
function hasKeys(answer: { readonly keys?: unknown }): boolean {
  return Array.isArray(answer.keys) && answer.keys.every((key: Partial<KeyView> | null) => typeof key?.id === "number" && typeof key.signs === "boolean");
}
