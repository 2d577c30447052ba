/** Events as CloudEvents 1.0 in their JSON format, and the signature of a request (Standard Webhooks: id, time and body by HMAC-SHA-256). */
import { createHmac } from "node:crypto";
import { hostname } from "node:os";
import type { HistoryEvent, Kind } from "./event.js";

export const CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";

/** What webhooks get. */
export const DELIVERED: ReadonlySet<Kind> = new Set<Kind>([
  "registered", "moved", "expired", "removed", "flow-dead", "login-failed", "banned", "ban-ended", "upstream-down", "upstream-up",
]);

export function cloudEvent({ id, at, kind, ...data }: HistoryEvent): string {
  return JSON.stringify({
    specversion: "1.0",
    id,
    source: `//${hostname()}/sluice`,
    type: `sluice.${kind}`,
    subject: data.aor ?? data.address,
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data,
  });
}

/** `seconds`: since 1970. */
export function signature(secret: string, id: string, seconds: number, body: string): string {
  return `v1,${createHmac("sha256", secret).update(`${id}.${seconds}.${body}`).digest("base64")}`;
}
