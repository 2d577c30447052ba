/** What stands between a request and every decision about it: a part that cannot be read is 400, and never somebody else's (RFC 3261 16.3 step 1). */
import type { SipMessage } from "./message.js";
import { joinHeaderLists } from "./header-list.js";
import { parseNameAddr } from "./name-addr.js";
import { parseUri, schemeOf } from "./uri.js";
import { parseVia } from "./via.js";

/** Headers that hold one address, and those that hold a list of them. */
const PARTIES = ["From", "To"] as const;
const ADDRESS_LISTS = ["Contact", "Route", "Record-Route", "Path"] as const;

/** The reason phrase of the 400; undefined: all that a decision hangs on can be read. */
export function faultOf(request: SipMessage): string | undefined {
  if (!isUri(request.uri)) return "Bad Request-URI";
  if (!request.values("Via").every((value) => parseVia(value) !== undefined)) return "Bad Via";
  for (const name of PARTIES) {
    if (!isAddress(request.header(name) ?? "")) return `Bad ${name}`;
  }
  for (const name of ADDRESS_LISTS) {
    const values = joinHeaderLists(request.headers(name));
    if (values === undefined || !values.every((value) => isAddress(value) || (name === "Contact" && value === "*"))) return `Bad ${name}`;
  }
  return undefined;
}

function isAddress(value: string): boolean {
  const address = parseNameAddr(value);
  return address !== undefined && isUri(address.uri);
}

/** A URI of another scheme is whole as it stands: nobody's address here. */
function isUri(text: string): boolean {
  const scheme = schemeOf(text);
  return scheme === "sip" || scheme === "sips" ? parseUri(text) !== undefined : scheme !== undefined;
}
