/** Which edge of the farm has a phone: each is asked for its flows. */
import type { FlowList, FlowView, Flows } from "./flows.js";
import type { Neighbours } from "./neighbours.js";
import type { Running } from "./running.js";

/** An edge that is up answers in a few milliseconds. */
const PATIENCE_MS = 500;
const MOST = 50;
const UNREADABLE = "its flows cannot be read: is an admin plane of the same version there?";

export interface WhereView {
  readonly mode: Running["config"]["mode"];
  /** Whether others were asked, or could have been. */
  readonly isFarm: boolean;
  /** `node` is left out where there is no farm. */
  readonly flows: readonly (FlowView & { readonly node?: number | undefined })[];
  /** The edges that did not answer, or not with what they should, and why: the phone may be there. */
  readonly silent: readonly { readonly node: number; readonly error: string }[];
}

export async function where(running: Running, flows: Flows, neighbours: Neighbours, word: string): Promise<WhereView> {
  const path = `flows?${new URLSearchParams({ q: word, limit: String(MOST) }).toString()}`;
  const [own, others] = await Promise.all([flows.list(word, MOST, "", { silence: "", age: "" }), neighbours.askAll<FlowList>({ method: "GET", path, patience: PATIENCE_MS })]);
  const { node: number, farm, mode } = running.config;
  const answers = [{ node: farm.length === 0 ? undefined : number, answer: own }, ...others];
  return {
    mode,
    isFarm: farm.length > 0,
    flows: answers.flatMap(({ node, answer }) => flowsIn(answer).map((flow) => ({ ...flow, node }))),
    silent: others.flatMap(({ node, answer, error = isSound(answer) ? undefined : UNREADABLE }) => (error === undefined ? [] : [{ node, error }])),
  };
}

/** What of a flow is shown. */
const TEXTS = ["id", "transport", "address"] as const;
const NUMBERS = ["port", "idleMs"] as const;

/** What a neighbour calls flows: it may be of another version, or something else may be at its address. Undefined: no list. */
function rowsIn(answer: Partial<FlowList> | undefined): readonly unknown[] | undefined {
  const flows: unknown = answer?.flows;
  return Array.isArray(flows) ? (flows as readonly unknown[]).slice(0, MOST) : undefined;
}

function flowsIn(answer: Partial<FlowList> | undefined): readonly FlowView[] {
  return (rowsIn(answer) ?? []).filter(isFlow);
}

function isSound(answer: Partial<FlowList> | undefined): boolean {
  return rowsIn(answer)?.every(isFlow) ?? false;
}

function isFlow(flow: unknown): flow is FlowView {
  if (typeof flow !== "object" || flow === null) return false;
  const one = flow as Partial<Record<keyof FlowView, unknown>>;
  const { aors } = one;
  if (!TEXTS.every((name) => typeof one[name] === "string") || !NUMBERS.every((name) => Number.isFinite(one[name]))) return false;
  return Array.isArray(aors) && aors.every((one: unknown) => typeof one === "object" && one !== null && "aor" in one && typeof one.aor === "string");
}
