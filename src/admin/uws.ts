/** uWebSockets.js, which npm installs under an alias as an optional package; on Node 22 and later its JavaScript fallback serves as well. */
import { createRequire } from "node:module";
import type * as Uws from "uWebSockets.js";

export type { HttpRequest, HttpResponse, TemplatedApp, WebSocket, us_listen_socket, us_socket_context_t } from "uWebSockets.js";

/** Throws one line when the package is not installed. */
export function loadUws(): typeof Uws {
  try {
    return createRequire(import.meta.url)("uWebSockets.js") as typeof Uws;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`the admin plane needs the optional package uWebSockets.js (npm install), or SLUICE_ADMIN_LISTEN=off: ${reason}`, { cause: error });
  }
}
