/** The check before any decision about a request: an unreadable part is answered 400 and never passed on (RFC 3261 16.3 step 1). */
import { ScanError, scanErrorReason } from "../native/layout.js";
import { joinHeaderLists } from "./header-list.js";
import type { SipMessage } from "./message.js";
import { uriIn } from "./name-addr.js";
import { parseUri, schemeOf } from "./uri.js";

/** The scanner has read the start line, Via, Route, From, To, Call-ID and CSeq; it leaves these headers to their users. */
const ADDRESS_LISTS = ["Contact", "Path", "Record-Route"];
/** Given twice, they could mean one thing here and another at the next hop. */
const SINGLE = ["Expires", "Max-Breadth", "Event"];

/** The reason phrase of the 400; undefined: everything that decisions depend on is readable. */
export function faultOf(request: SipMessage): string | undefined {
  if (request.error !== ScanError.none) return scanErrorReason[request.error];
  // It ends here, so nothing else in it is used (step 1: other components, well-formed or not, are ignored).
  if (request.method === "CANCEL") return undefined;
  for (const name of ADDRESS_LISTS) {
    const lines = request.headers(name);
    if (lines.length > 0 && joinHeaderLists(lines)?.every((value) => isAddress(value) || (name === "Contact" && value === "*")) !== true) return `Bad ${name}`;
  }
  return SINGLE.some((name) => request.headers(name).length > 1) ? "Duplicate Header" : undefined;
}

function isAddress(value: string): boolean {
  const uri = uriIn(value) ?? "";
  return parseUri(uri) !== undefined || schemeOf(uri) !== undefined;
}
