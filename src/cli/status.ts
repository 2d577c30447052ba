/** `sluice status`: one page about the running process. */
import type { Status } from "../admin/status.js";
import { sayDrain } from "../admin/drain-view.js";
import { ask, adminPlaneOf, send } from "./client.js";
import { type Command, Exit } from "./command.js";
import { findPlace } from "./place.js";
import { COMMON_HELP, readOptions } from "./options.js";
import { colour, octets, print, printJson, span } from "./output.js";

export const status: Command = {
  name: "status",
  summary: "what runs, since when, and whether it is ready for traffic",
  usage: "",
  help: `
  --live             only say by the exit code whether it lives, for a supervisor${COMMON_HELP}

Exits with 0 when it is ready, 1 when it is not, 4 when nothing runs.

  sluice status
  sluice status --json | jq .counters.requestsIn`,
  run: async (args) => {
    const { values } = readOptions(args, { live: { type: "boolean" } });
    const place = values.admin === undefined ? findPlace() : undefined;
    const plane = adminPlaneOf(values.admin, place);
    if (values.live) return (await send(plane, "GET", "/livez")).status === 200 ? Exit.ok : Exit.failed;
    const page = await ask<Status>(plane, "GET", "/api/status");
    const ready = await send(plane, "GET", "/readyz?verbose");
    if (values.json) printJson({ ...page, ready: ready.status === 200 });
    else print(pageText(page, ready, plane.url.host, place?.says));
    return ready.status === 200 ? Exit.ok : Exit.failed;
  },
};

function pageText(page: Status, ready: { readonly status: number; readonly text: string }, host: string, says: string | undefined): string {
  const { flows, counters } = page;
  const state = ready.status === 200 ? colour("green", "ready") : colour("red", "not ready");
  return [
    `sluice ${page.version}, ${page.mode}, ${state}, ${page.state} for ${span(page.uptimeSeconds * 1_000)}, pid ${page.pid}`,
    `found at    ${host}${says === undefined ? "" : `, by ${says}`}`,
    `id          ${page.id}`,
    `listeners   ${page.listeners.join("  ")}`,
    `shards      ${page.shards.running} of ${page.shards.configured}`,
    `flows       ${flows.stream} connections, ${flows.udp} UDP, limit ${flows.limit}`,
    ...(page.drain === null ? [] : [`drain       ${sayDrain(page.drain)}`]),
    `requests    ${counters["requestsIn"] ?? 0} received, ${counters["requestsRelayed"] ?? 0} relayed, ${page.pending} pending`,
    `refused     ${counters["replies403"] ?? 0} × 403, ${counters["replies430"] ?? 0} × 430, ${counters["replies503"] ?? 0} × 503`,
    `REGISTER    ${counters["registrationsAccepted"] ?? 0} accepted, ${counters["registrationsDenied"] ?? 0} denied, ${counters["registrationsFailed"] ?? 0} failed`,
    ...(page.registered === null ? [] : [`registered  ${page.registered.addresses} users now, ${page.registered.bindings} bindings`]),
    `memory      ${octets(page.memoryBytes)}, log level ${page.logLevel}`,
    ready.text.trimEnd(),
  ].join("\n");
}
