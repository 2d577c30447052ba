/** All edges of the farm in one list: each is asked how it does. */
import type { Neighbours } from "./neighbours.js";
import type { Running } from "./running.js";
import type { Status, StatusPage } from "./status.js";

const PATIENCE_MS = 500;
// Of what a neighbour says.
const MAX_VERSION = 50;
const MAX_WORDS = 100;

export interface FarmView {
  /** In the order of their numbers. */
  readonly nodes: readonly FarmNodeView[];
}

export interface FarmNodeView {
  readonly node: number;
  /** The one that answers. */
  readonly isThis: boolean;
  /** Undefined: it did not answer, and `error` says why. */
  readonly version?: string;
  readonly state?: Status["state"];
  readonly drain?: Status["drain"];
  readonly uptimeSeconds?: number;
  readonly flows?: Status["flows"];
  readonly pending?: number;
  readonly error?: string;
}

export async function farm({ config }: Running, status: StatusPage, neighbours: Neighbours): Promise<FarmView> {
  const others = await neighbours.askAll<Status>({ method: "GET", path: "status", patience: PATIENCE_MS });
  const nodes = [
    { ...viewOf(config.node, status.read()), isThis: true },
    ...others.map(({ node, answer, error }) => (answer === undefined ? { node, isThis: false, error: error ?? "" } : viewOf(node, answer))),
  ];
  return { nodes: nodes.sort((a, b) => a.node - b.node) };
}

/**
 * A neighbour may be of another version, or something else may be at its address: nothing is passed on that is not asked for, and nothing that
 * is not what it should be.
 */
function viewOf(node: number, answer: Partial<Status>): FarmNodeView {
  if (!isSound(answer)) return { node, isThis: false, error: "what it says of itself cannot be read: is an admin plane of the same version there?" };
  const { version, state, drain, uptimeSeconds, pending } = answer;
  const { stream, udp, limit } = answer.flows;
  return { node, isThis: false, version, state, drain: drainOf(drain), uptimeSeconds, flows: { stream, udp, limit }, pending };
}

function isSound(answer: Partial<Status>): answer is Status {
  const { version, state, uptimeSeconds, flows, pending } = answer;
  return typeof version === "string" && version.length <= MAX_VERSION && (state === "up" || state === "draining") && areNumbers(flows?.stream, flows?.udp, flows?.limit, uptimeSeconds, pending);
}

function drainOf(drain: Status["drain"]): Status["drain"] {
  if (typeof drain !== "object" || drain === null) return null;
  const { by, since, isPaused, connections, seconds } = drain;
  return typeof by === "string" && areNumbers(since, connections, seconds) ? { by: by.slice(0, MAX_WORDS), since, isPaused: isPaused === true, connections, seconds } : null;
}

function areNumbers(...values: readonly unknown[]): boolean {
  return values.every((value) => Number.isFinite(value));
}
