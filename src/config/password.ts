/** A password. */
import { expected, type Kind } from "./kind.js";

const LEAST_CHARACTERS = 16;

export const password: Kind<string> = {
  syntax: `${LEAST_CHARACTERS} or more printable characters without blanks`,
  parse: (text) => (/^[\x21-\x7e]{16,512}$/.test(text) ? text : expected(`${LEAST_CHARACTERS} or more printable characters without blanks`)),
};
