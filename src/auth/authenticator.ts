/** Who sent a request: digest authentication of SIP (RFC 3261 22, RFC 7616, RFC 8760). */
import type { SipMessage } from "../sip/message.js";
import type { ResponseSpec } from "../sip/response-spec.js";

/** As a registrar 401 with WWW-Authenticate; as a proxy 407 with Proxy-Authenticate (RFC 3261 22.2 and 22.3). */
export type AuthenticationRole = "registrar" | "proxy";

export type AuthenticationResult =
  | { readonly ok: true; readonly user: string; readonly realm: string }
  | { readonly ok: false; readonly response: ResponseSpec };

export interface Authenticator {
  /**
   * Checks the credentials of a request of any method but ACK and CANCEL, which nobody may challenge (RFC 3261 22.1): those pass
   * by the caller. The From must be the authenticated user's, and the To of a REGISTER as well (else 403). Never rejects: with the
   * credential store away the response is a 503.
   */
  check(request: SipMessage, role: AuthenticationRole): Promise<AuthenticationResult>;
  close(): Promise<void>;
}
