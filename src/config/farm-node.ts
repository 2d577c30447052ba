/** An edge of the farm: the number in its tokens, and where the others reach it. */
import { expected, type Kind } from "./kind.js";
import { type Upstream, upstream } from "./upstream.js";

/** A token has seven bits for it. */
export const MAX_NODE = 127;

export interface FarmNode {
  readonly node: number;
  readonly uri: Upstream;
}

export const farmNode: Kind<FarmNode> = {
  syntax: "`NODE=sip:HOST:PORT` or `NODE=sips:HOST:PORT` with optional `;transport=udp` (tcp, tls)",
  parse: (text) => {
    const [, number = "", uri = ""] = /^(\d{1,3})=(.+)$/.exec(text) ?? [];
    if (number === "" || Number(number) > MAX_NODE) return expected(`NODE=URI with a node from 0 to ${MAX_NODE}, such as 2=sip:10.0.0.2:5060`);
    return Object.freeze({ node: Number(number), uri: upstream.parse(uri) });
  },
};
