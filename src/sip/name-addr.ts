/** An address in a header: `"Name" <sip:user@host;uri-param>;header-param`, or a bare URI (RFC 3261 20.10 and 25.1). */
import { skipBlanks } from "./characters.js";
import { type Parameter, parseParameters } from "./parameters.js";
import { quotedEnd } from "./quoted-string.js";

export interface NameAddr {
  /** As it came, quotes included; "" when there is none. */
  readonly displayName: string;
  /** As it came, without angle brackets. */
  readonly uri: string;
  /** What stands behind the URI. Behind a URI without angle brackets all parameters are the header's (RFC 3261 20.10). */
  readonly parameters: readonly Parameter[];
}

// Tokens and blanks, and octets of UTF-8 that many devices write without the quotes they need.
const DISPLAY_NAME = /^[a-z0-9\-.!%*_+`'~ \t\x80-\xff]*$/i;
const ENDS_BARE_URI = /[; \t]/;
// A bare URI with one of these means different things to different readers (RFC 3261 20.10, RFC 4475 3.1.2.13).
const NOT_IN_BARE_URI = /[<>"?,]/;

/** One value, as `splitHeaderList` leaves it. Undefined: not an address. */
export function parseNameAddr(text: string): NameAddr | undefined {
  const begin = skipBlanks(text, 0);
  const open = text[begin] === '"' ? quotedEnd(text, begin) : text.indexOf("<", begin);
  if (text[begin] === '"') return open < 0 ? undefined : bracketed(text, begin, skipBlanks(text, open));
  return open >= 0 && DISPLAY_NAME.test(text.slice(begin, open)) ? bracketed(text, begin, open) : bare(text.slice(begin));
}

function bracketed(text: string, begin: number, open: number): NameAddr | undefined {
  const close = text.indexOf(">", open);
  if (text[open] !== "<" || close < 0) return undefined;
  return withParameters(text.slice(begin, open).trim(), text.slice(open + 1, close), text.slice(close + 1));
}

function bare(text: string): NameAddr | undefined {
  const end = text.search(ENDS_BARE_URI);
  const uri = end < 0 ? text : text.slice(0, end);
  if (NOT_IN_BARE_URI.test(uri)) return undefined;
  return withParameters("", uri, end < 0 ? "" : text.slice(end));
}

function withParameters(displayName: string, uri: string, tail: string): NameAddr | undefined {
  const parameters = parseParameters(tail);
  return parameters === undefined || uri === "" ? undefined : { displayName, uri, parameters };
}
