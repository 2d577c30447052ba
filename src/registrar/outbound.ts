/** Whether a REGISTER creates a flow (RFC 5626 6): it has instance and reg-id, and its first hop supports outbound. */
import { hasOptionTag } from "../sip/header-list.js";
import type { SipMessage } from "../sip/message.js";
import { parseNameAddr } from "../sip/name-addr.js";
import { findParameter } from "../sip/parameters.js";
import { parseUri } from "../sip/uri.js";
import type { Contact } from "./contacts.js";
import { refuse } from "./register-refusal.js";
import type { RegistrarOptions } from "./registrar-options.js";
import type { RequestSource } from "./request-source.js";

/** Refuses with 400 or 439; else returns whether Contacts with instance and reg-id are keyed by them. */
export function isOutbound(
  request: SipMessage,
  contacts: readonly Contact[],
  path: readonly string[],
  from: RequestSource,
  { outbound, obPathCheck }: Pick<RegistrarOptions, "outbound" | "obPathCheck">,
): boolean {
  const lasting = contacts.filter(({ expires }) => expires > 0);
  if (lasting.length > 1 && lasting.some(({ regId }) => regId !== undefined)) refuse(400, "One Contact With reg-id At A Time");
  const asks = contacts.some(({ instance, regId }) => instance !== undefined && regId !== undefined);
  if (outbound === "off" || !asks) return false;
  if (from.firstHop ? from.flowIsOutboundCapable : hasOb(path, obPathCheck)) return true;
  if (hasOptionTag(request.headers("supported"), "outbound")) refuse(439, "First Hop Lacks Outbound Support");
  return false;
}

/** "The first URI" of RFC 5626 6 is the hop nearest to the device, which wrote its value first: the last one (decision D1). */
function hasOb(path: readonly string[], check: RegistrarOptions["obPathCheck"]): boolean {
  const checked = check === "any" ? path : [path.at(check === "top" ? 0 : -1) ?? ""];
  return checked.some((value) => {
    const uri = parseUri(parseNameAddr(value)?.uri ?? "");
    return uri !== undefined && findParameter(uri.parameters, "ob") !== undefined;
  });
}
