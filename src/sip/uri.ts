/** URIs (RFC 3261 19.1). */
import { UriField } from "../native/layout.js";
import { found, numberAt, piece, readUri } from "../native/reader.js";
import type { Parameter } from "./parameters.js";
import { rememberingLast } from "./recent.js";

export interface SipUri {
  readonly scheme: "sip" | "sips";
  /** As received, escapes included; undefined: a URI without a user part. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Lower case; an IPv6 address in brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly parameters: readonly Parameter[];
  /** After the question mark, as received; undefined: none. */
  readonly headers: string | undefined;
}

/** The scheme of any URI in lower case: `tel`, `urn`; undefined: not a URI. */
export function schemeOf(text: string): string | undefined {
  return readUri(text) ? piece(text, UriField.schemeAt)?.toLowerCase() : undefined;
}

/** Undefined: not a SIP or SIPS URI. */
export const parseUri = rememberingLast(readSipUri);

function readSipUri(text: string): SipUri | undefined {
  const scheme = schemeOf(text);
  if (scheme !== "sip" && scheme !== "sips") return undefined;
  const port = numberAt(UriField.port);
  return {
    scheme,
    user: piece(text, UriField.userAt),
    password: piece(text, UriField.passwordAt),
    host: (piece(text, UriField.hostAt) ?? "").toLowerCase(),
    port: port === 0 ? undefined : port,
    parameters: uriParameters(piece(text, UriField.paramsAt)),
    headers: piece(text, UriField.headersAt)?.slice(1),
  };
}

export function isSips(text: string): boolean {
  return schemeOf(text) === "sips";
}

/** A Contact as a Request-URI, without headers and the method parameter, which a Request-URI must not have (RFC 3261 19.1.1). */
export function asRequestUri(text: string): string {
  const scheme = schemeOf(text);
  if (scheme !== "sip" && scheme !== "sips") return text;
  const params = piece(text, UriField.paramsAt);
  const headers = piece(text, UriField.headersAt);
  if (params === undefined && headers === undefined) return text;
  const place = text.slice(0, found[params === undefined ? UriField.headersAt : UriField.paramsAt]);
  const kept = uriParameters(params).filter(({ name }) => name !== "method");
  return place + kept.map((parameter) => `;${parameter.text}`).join("");
}

/** URI parameters are never quoted, and the scanner has validated each one. */
function uriParameters(text: string | undefined): readonly Parameter[] {
  if (text === undefined || text === "") return [];
  return text
    .slice(1)
    .split(";")
    .map((parameter) => {
      const equals = parameter.indexOf("=");
      if (equals < 0) return { name: parameter.toLowerCase(), value: undefined, text: parameter };
      return { name: parameter.slice(0, equals).toLowerCase(), value: parameter.slice(equals + 1), text: parameter };
    });
}
