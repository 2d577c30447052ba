/** Keys that sign flow tokens (RFC 5626 5.2), each with the id by which a token names it: `1:c2VjcmV0…`. */
import { expected, type Kind } from "./kind.js";

export interface FlowKey {
  readonly id: number;
  readonly key: Uint8Array;
}

export const MAX_FLOW_KEYS = 16;
const LEAST_OCTETS = 20;
const MAX_OCTETS = 128;

export const flowKey: Kind<FlowKey> = {
  syntax: "`ID:BASE64`",
  parse: (text) => {
    // No message here may repeat the text: it holds a secret.
    const [, digits = "", code = ""] = /^(\d{1,2}):([A-Za-z0-9+/_-]*={0,2})$/.exec(text) ?? [];
    const id = Number(digits);
    if (digits === "" || id > 63) return expected("ID:BASE64 with an id from 0 to 63");
    const key = Buffer.from(code, "base64");
    const bare = code.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
    if (key.toString("base64").replace(/=+$/, "") !== bare) return expected(`whole base64 after the key id ${id}`);
    if (key.length < LEAST_OCTETS || key.length > MAX_OCTETS) {
      return expected(`a key of ${LEAST_OCTETS} to ${MAX_OCTETS} octets after the key id ${id}`);
    }
    return Object.freeze({ id, key: new Uint8Array(key) });
  },
};

export function sameFlowKey({ id }: FlowKey): string {
  return `key id ${id}`;
}
