/** Where bindings are kept: in the embedded store, or in a Redis that several registrars share. */
import { expected, type Kind } from "./kind.js";
import { readRedisUrl } from "./redis-url.js";

export const EMBEDDED = "embedded";
/** What the embedded store was until version 1.0, and is called in configurations of that time. */
const FORMERLY = "lmdb";

/** `embedded`, or the URL of a Redis as it was written. */
export const location: Kind<string> = {
  syntax: "`embedded`, `redis://HOST:PORT`, `redis+cluster://HOST:PORT,…`, `redis+sentinel://HOST:PORT,…/MASTER`; `rediss` for TLS",
  parse: (text) => {
    if ([EMBEDDED, FORMERLY].includes(text.toLowerCase())) return EMBEDDED;
    if (!text.startsWith("redis")) return expected("embedded or the URL of a Redis");
    readRedisUrl(text);
    return text;
  },
};
