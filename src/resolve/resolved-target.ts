/** Where a request may be sent: what RFC 3263 makes of a URI, one entry for each address. */
import type { UpstreamTransport } from "../config/upstream.js";

export interface ResolvedTarget {
  readonly transport: UpstreamTransport;
  /** A literal address without brackets. */
  readonly address: string;
  readonly port: number;
  /** 0 is used first, 1 when all with 0 are dead, and so on. */
  readonly priority: number;
  /** Share among targets of the same priority, 0 to 65535; 0: next to none (RFC 2782). */
  readonly weight: number;
  /** Host of the URI that it was resolved from, in lower case. */
  readonly name: string;
}

/** A target before its final numbers: ranks are compared from left to right, the lowest comes first. */
export interface Candidate extends Omit<ResolvedTarget, "priority" | "weight"> {
  readonly ranks: readonly number[];
  readonly share: number;
}

const MAX_WEIGHT = 65_535;
/** Weight 0 has a very small chance beside others (RFC 2782). */
const ZERO_WEIGHT = 1 / 64;
/** As many as a shard holds. */
const MAX_TARGETS = 64;

/** Ranks become priorities 0, 1, 2, … and shares become whole weights; a duplicate address counts once, at its best rank. */
export function toTargets(candidates: readonly Candidate[]): readonly ResolvedTarget[] {
  const ordered = [...candidates].sort((one, other) => compareRanks(one.ranks, other.ranks) || compareText(placeKey(one), placeKey(other)));
  const places = new Set<string>();
  const single = ordered.filter((candidate) => !places.has(placeKey(candidate)) && places.add(placeKey(candidate))).slice(0, MAX_TARGETS);
  const levels: Candidate[][] = [];
  for (const candidate of single) {
    const level = levels.at(-1);
    if (level?.[0] && compareRanks(level[0].ranks, candidate.ranks) === 0) level.push(candidate);
    else levels.push([candidate]);
  }
  const targets = levels.flatMap((level, priority) => {
    const weights = wholeWeights(level.map(({ share }) => share));
    return level.map(({ transport, address, port, name }, index) =>
      Object.freeze({ transport, address, port, priority, weight: weights[index] ?? 0, name }),
    );
  });
  return Object.freeze(targets);
}

/** One ordering of the targets: by priority, and at random within one, so that the weights hold over many calls (RFC 2782). */
export function inTryingOrder(targets: readonly ResolvedTarget[], random: () => number = Math.random): readonly ResolvedTarget[] {
  const lots = new Map(targets.map((target) => [target, -Math.log(1 - random()) / Math.max(target.weight, ZERO_WEIGHT)]));
  return [...targets].sort((one, other) => one.priority - other.priority || (lots.get(one) ?? 0) - (lots.get(other) ?? 0));
}

export function sameTargets(one: readonly ResolvedTarget[], other: readonly ResolvedTarget[]): boolean {
  if (one.length !== other.length) return false;
  const texts = new Set(one.map(textOf));
  return other.every((target) => texts.has(textOf(target)));
}

/** Whole-number shares stay as they are; others are scaled to the full range of weights. No share becomes 0. */
function wholeWeights(shares: readonly number[]): number[] {
  const most = Math.max(...shares);
  if (most <= MAX_WEIGHT && shares.every(Number.isInteger)) return [...shares];
  return shares.map((share) => (share === 0 ? 0 : Math.max(1, Math.round((share / most) * MAX_WEIGHT))));
}

function compareRanks(one: readonly number[], other: readonly number[]): number {
  for (let at = 0; at < Math.max(one.length, other.length); at += 1) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

// Independent of the locale: the order must be the same on every machine.
function compareText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function placeKey({ transport, address, port }: Pick<ResolvedTarget, "transport" | "address" | "port">): string {
  return `${transport} ${address} ${port}`;
}

function textOf(target: ResolvedTarget): string {
  return `${placeKey(target)} ${target.priority} ${target.weight} ${target.name}`;
}
