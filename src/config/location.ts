/** Where bindings are kept: the embedded store, or a Redis that several registrars share. */
import { expected, type Kind } from "./kind.js";
import { readRedisUrl } from "./redis-url.js";

export const EMBEDDED = "lmdb";

/** `lmdb`, or the URL of a Redis as it was written. */
export const location: Kind<string> = {
  syntax: "`lmdb`, `redis://HOST:PORT`, `redis+cluster://HOST:PORT,…`, `redis+sentinel://HOST:PORT,…/MASTER`; `rediss` for TLS",
  parse: (text) => {
    if (text.toLowerCase() === EMBEDDED) return EMBEDDED;
    if (!text.startsWith("redis")) return expected("lmdb or the URL of a Redis");
    readRedisUrl(text);
    return text;
  },
};
