/** The first screen of a server started at a terminal. */
import { showHostPort } from "../config/host-port.js";
import { showUpstream } from "../config/upstream.js";
import { version } from "../base/version.js";
import type { Service } from "./service.js";

export function bannerOf({ config, listeners, adminUrl }: Service): string {
  const places = listeners.filter(({ facing }) => facing !== "core").map(({ transport, sentBy, address, port }) => `${transport} ${sentBy || showHostPort(address, port)}`);
  const users = config.auth.kind === "off" ? "anybody may register" : "users with a password may register";
  const what = config.mode === "edge" ? `an edge in front of ${config.upstream.map(showUpstream).join(", ") || "nothing yet: set SLUICE_UPSTREAM"}` : `a ${config.mode === "registrar" ? "registrar" : "standalone server"}; ${users}`;
  return [
    "",
    `  Sluice ${version()}, ${what}`,
    `  phones      ${places.join(", ")}`,
    `  dashboard   ${adminUrl ?? "off (SLUICE_ADMIN_LISTEN)"}`,
    `  try         sluice status, sluice flows; Ctrl-C ends it`,
    "",
    "",
  ].join("\n");
}
