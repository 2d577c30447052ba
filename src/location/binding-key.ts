/** What names a binding within its address of record (RFC 3261 10.3 step 7, RFC 5626 6). */
import { sameUriKey, uriKey } from "../sip/uri-key.js";
import type { SipUri } from "../sip/uri.js";

const BY_FLOW = "f";
const BY_CONTACT = "c";

/** For outbound: instance and reg-id alone, whatever the Contact URI. */
export function flowKey(instance: string, regId: number): string {
  return `${BY_FLOW}${regId} ${instance}`;
}

/** For a plain registration: the Contact URI. */
export function contactKey(uri: SipUri): string {
  return BY_CONTACT + uriKey(uri);
}

/** Whether two keys name the same binding; register.lua says the same in Lua. */
export function sameBinding(one: string, other: string): boolean {
  if (one === other) return true;
  return one.startsWith(BY_CONTACT) && other.startsWith(BY_CONTACT) && sameUriKey(one, other);
}
