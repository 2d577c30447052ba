/** What a flow token contains, in words: whether it is ours, whether its flow lives, and why not. */
import { showHostPort } from "../config/host-port.js";
import { isWildcard } from "../config/listener.js";
import type { TokenRow } from "../native/inspect.js";
import type { ShardListener } from "../native/shard-settings.js";
import type { Running } from "./running.js";
import { type Starts, hexOf } from "./starts.js";

type OwnToken = Extract<TokenRow, { verdict: "ok" }>;

export interface TokenView {
  readonly verdict: "alive" | "dead" | "elsewhere" | "forged" | "unknown key" | "no token";
  readonly why: string;
  readonly status: number | undefined;
  readonly kind?: string;
  readonly side?: string;
  /** The flow that it names, while that is in the flow table. */
  readonly flow?: string;
  readonly shard?: number;
  readonly remote?: { readonly address: string; readonly port: number };
}

/** `text` is the user part, or a whole URI or header value that holds it. */
export function tokenIn(text: string): string {
  const uri = /sips?:([^@>\s]+)@/i.exec(text);
  return uri?.[1] ?? text.trim();
}

export async function explainToken({ pool, listeners, config, farmNodes }: Running, starts: Starts, text: string): Promise<TokenView> {
  const user = tokenIn(text);
  const first = await pool.inquiries.askAny({ kind: "token", text: user });
  if (first.verdict !== "ok") return refused(first.verdict);
  if (first.node !== config.node) return describeElsewhere(first, farmNodes.some(({ node }) => node === first.node));
  // Any shard can read the token; only the flow's own shard knows whether it is alive.
  const foreign = first.shard >= pool.size;
  const owner = foreign ? first : await pool.inquiries.ask(first.shard, { kind: "token", text: user });
  return owner.verdict === "ok" ? describe(owner, foreign, strangerOf(owner, listeners, starts)) : refused(owner.verdict);
}

function refused(verdict: "none" | "forged" | "unknown_key"): TokenView {
  if (verdict === "none") return { verdict: "no token", why: "it does not have the form of a flow token of this edge", status: undefined };
  if (verdict === "forged") return { verdict: "forged", why: "it has the form of a token, but no key of the ring made it: changed, cut, or of another edge", status: 403 };
  return { verdict: "unknown key", why: "the key that it names is not in the ring: it was rotated out, or it belongs to another edge", status: 430 };
}

/** What shows that another edge made a token; undefined: nothing. */
function strangerOf({ kind, boot, local }: OwnToken, listeners: readonly ShardListener[], starts: Starts): string | undefined {
  if (kind === "stream") {
    if (boot === undefined || starts.isOurs(boot)) return undefined;
    return `it was made by another edge with the same keys, id ${hexOf(boot)} (this one is ${hexOf(starts.own)}; \`sluice status\` shows it): ask there`;
  }
  if (local === undefined || listeners.some(({ address, port }) => port === local.port && (address === local.address || isWildcard(address)))) return undefined;
  return `it was made for ${showHostPort(local.address, local.port)}, where nothing listens here: by another edge with the same keys, or before the listeners changed`;
}

function describeElsewhere({ kind, side, node }: OwnToken, isInFarm: boolean): TokenView {
  const why = `edge ${node} made it`;
  if (isInFarm) return { verdict: "elsewhere", why: `${why}, where a request with it is sent while that edge answers: ask there`, status: undefined, kind, side };
  return { verdict: "elsewhere", why: `${why}, which SLUICE_FARM does not list here`, status: 430, kind, side };
}

function describe(row: OwnToken, foreign: boolean, stranger: string | undefined): TokenView {
  const { kind, side, shard, slot, generation, address, port, alive } = row;
  const place = address === undefined || port === undefined ? {} : { remote: { address, port } };
  const named = kind === "stream" && alive ? { flow: `${shard}.${slot}.${generation}` } : {};
  const common = { kind, side, shard, ...place, ...named };
  if (alive && !foreign) return { verdict: "alive", why: "a request with it is delivered", status: undefined, ...common };
  return { verdict: "dead", why: stranger ?? whyDead(row, foreign), status: 430, ...common };
}

function whyDead({ kind, ofThisBoot }: OwnToken, foreign: boolean): string {
  if (foreign) return "its shard does not exist: it was made with more shards, or by another node with the same keys";
  if (!ofThisBoot) return "its connection belonged to an earlier start of this process";
  if (kind === "stream") return "its connection is closed";
  return "its UDP flow died, or it is older than SLUICE_UDP_TOKEN_DAYS, or its listener is gone";
}
