/** Who may use the admin plane: only clients with the token, if one is set, and never another site's web page. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { ControlRefusal } from "./control-refusal.js";

export interface Asking {
  readonly method: string;
  readonly host: string;
  readonly origin: string;
  /** From the Authorization header, or from the WebSocket's URL, since browsers cannot set a header there. */
  readonly token: string;
  readonly contentType: string;
}

export class Guard {
  readonly #token: Buffer | undefined;

  constructor(token: string | undefined) {
    this.#token = token === undefined ? undefined : digest(token);
  }

  /** Throws a ControlRefusal. */
  check({ method, host, origin, token, contentType }: Asking): void {
    // Another site's page can send what a form can send, and can rebind its own name to this address: both are caught here.
    if (origin !== "" && hostOf(origin) !== host) throw new ControlRefusal(403, "a page of another origin may not use this");
    if (this.#token === undefined && !isLocalName(host)) throw new ControlRefusal(403, "without a token only localhost and literal addresses are names of this");
    if (method !== "GET" && method !== "HEAD" && !/^application\/json\b/i.test(contentType)) throw new ControlRefusal(400, "orders need Content-Type: application/json");
    if (this.#token !== undefined && !timingSafeEqual(digest(token), this.#token)) {
      throw new ControlRefusal(401, "this needs the token of SLUICE_ADMIN_TOKEN: Authorization: Bearer …");
    }
  }
}

/** Of equal length whatever was sent, so that the comparison leaks nothing. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hostOf(origin: string): string {
  return origin.replace(/^https?:\/\//i, "");
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return name === "localhost" || name === "" || isIP(name) !== 0;
}
