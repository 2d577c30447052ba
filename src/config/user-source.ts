/** Where the users and their password hashes come from. */
import { expected, type Kind } from "./kind.js";
import { existingFile } from "./path.js";

export type UserSource =
  | { readonly kind: "off" | "redis" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "http"; readonly url: string };

const FILE = "file:";

export const userSource: Kind<UserSource> = {
  syntax: "`off`, `file:PATH`, `redis`, `http://…` or `https://…`",
  parse: (text) => {
    const word = text.toLowerCase();
    if (word === "off" || word === "redis") return Object.freeze({ kind: word });
    if (word.startsWith(FILE)) return Object.freeze({ kind: "file", path: existingFile.parse(text.slice(FILE.length)) });
    if (/^https?:\/\//.test(word) && URL.canParse(text)) return Object.freeze({ kind: "http", url: text });
    return expected("off, file:PATH, redis or an http(s) URL");
  },
};
