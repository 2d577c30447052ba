/** A SIPS Contact means that the device is reached over TLS only (RFC 5630 5.2). */
import { isSecure } from "../config/listener.js";
import type { SipMessage } from "../sip/message.js";
import { uriIn } from "../sip/name-addr.js";
import { isSips } from "../sip/uri.js";
import type { Contact } from "./contacts.js";
import { refuse } from "./register-refusal.js";
import type { RequestSource } from "./request-source.js";

/** Refuses with 400 a SIPS Contact whose REGISTER did not come over TLS all the way: Request-URI, Path, and the transport that we see. */
export function checkSips(request: SipMessage, contacts: readonly Contact[], path: readonly string[], { transport }: RequestSource): void {
  if (!contacts.some(({ uri, expires }) => uri.scheme === "sips" && expires > 0)) return;
  const isSecureThroughout = isSecure(transport) && isSips(request.uri) && path.every((value) => isSips(uriIn(value) ?? ""));
  if (!isSecureThroughout) refuse(400, "SIPS Contact Needs SIPS Request-URI, Path And TLS");
}
