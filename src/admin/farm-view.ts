/** All edges of the farm in one list: each is asked how it does. */
import type { Neighbours } from "./neighbours.js";
import type { Running } from "./running.js";
import type { Status, StatusPage } from "./status.js";

const PATIENCE_MS = 500;

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
    view(config.node, true, status.read()),
    ...others.map(({ node, answer, error }) => (answer === undefined ? { node, isThis: false, error: error ?? "" } : view(node, false, answer))),
  ];
  return { nodes: nodes.sort((a, b) => a.node - b.node) };
}

/** A neighbour may be of another version, so nothing is passed on that is not asked for. */
function view(node: number, isThis: boolean, { version, state, drain, uptimeSeconds, flows, pending }: Status): FarmNodeView {
  return { node, isThis, version, state, drain, uptimeSeconds, flows, pending };
}
