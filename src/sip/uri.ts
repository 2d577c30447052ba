/** SIP and SIPS URIs (RFC 3261 19.1). */
import { isIPv6 } from "node:net";
import { type Parameter, parseParameters } from "./parameters.js";

export interface SipUri {
  readonly scheme: "sip" | "sips";
  /** As it came, escapes and all; undefined: a URI without a user part. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Lower case; an IPv6 address stands in its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly parameters: readonly Parameter[];
  /** Behind the question mark, as it came; undefined: none. */
  readonly headers: string | undefined;
}

// More than the grammar allows, since devices write `#` and `|` in user parts; nothing that could end the URI in a header.
const VISIBLE = /^[!#-;=?-~]+$/;
const HOST_NAME = /^[a-z0-9_.-]+$/;
const MOST_OF_HOST = 255;

/** The scheme of any URI in lower case: `tel`, `urn`; undefined: text without a scheme. */
export function schemeOf(text: string): string | undefined {
  const scheme = text.slice(0, Math.max(text.indexOf(":"), 0));
  return /^[a-z][a-z0-9+.-]*$/i.test(scheme) ? scheme.toLowerCase() : undefined;
}

/** Undefined: not a SIP or SIPS URI. */
export function parseUri(text: string): SipUri | undefined {
  const scheme = schemeOf(text);
  if ((scheme !== "sip" && scheme !== "sips") || !VISIBLE.test(text) || !areEscapesWhole(text)) return undefined;
  const rest = text.slice(scheme.length + 1);
  // Only a user part may hold semicolons and question marks that mean nothing, so the at sign comes first (RFC 4475 3.1.1.9).
  const at = rest.indexOf("@");
  const userInfo = at < 0 ? undefined : rest.slice(0, at);
  const tail = rest.slice(at + 1);
  if (userInfo === "" || userInfo?.startsWith(":") || tail.includes("@")) return undefined;
  const question = tail.indexOf("?");
  const place = question < 0 ? tail : tail.slice(0, question);
  const semicolon = place.indexOf(";");
  const hostPort = splitHostPort((semicolon < 0 ? place : place.slice(0, semicolon)).toLowerCase());
  const parameters = parseParameters(semicolon < 0 ? "" : place.slice(semicolon));
  if (hostPort === undefined || parameters === undefined) return undefined;
  const colon = userInfo?.indexOf(":") ?? -1;
  return {
    scheme,
    user: colon < 0 ? userInfo : userInfo?.slice(0, colon),
    password: colon < 0 ? undefined : userInfo?.slice(colon + 1),
    ...hostPort,
    parameters,
    headers: question < 0 ? undefined : tail.slice(question + 1),
  };
}

function splitHostPort(text: string): Pick<SipUri, "host" | "port"> | undefined {
  const hostEnd = text.startsWith("[") ? text.indexOf("]") + 1 : text.indexOf(":") < 0 ? text.length : text.indexOf(":");
  const host = text.slice(0, hostEnd);
  if (!isHost(host)) return undefined;
  if (hostEnd === text.length) return { host, port: undefined };
  const digits = text.slice(hostEnd + 1);
  const port = text[hostEnd] === ":" && /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  return port <= 65_535 ? { host, port } : undefined;
}

function isHost(text: string): boolean {
  if (text.startsWith("[")) return text.endsWith("]") && !text.includes("%") && isIPv6(text.slice(1, -1));
  return text.length <= MOST_OF_HOST && HOST_NAME.test(text) && !text.startsWith(".") && !text.includes("..");
}

function areEscapesWhole(text: string): boolean {
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", at + 1)) {
    if (!/^[0-9a-f]{2}$/i.test(text.slice(at + 1, at + 3))) return false;
  }
  return true;
}
