/** Who serves the admin plane: uWebSockets.js where its binary fits this Node, node:http and ws elsewhere. */
import { NodeServer } from "./node-server.js";
import { UwsServer, hasUws } from "./uws-server.js";
import type { WebHandlers, WebServer } from "./web-server.js";

export function createWebServer(handlers: WebHandlers): WebServer {
  return hasUws() ? new UwsServer(handlers) : new NodeServer(handlers);
}
