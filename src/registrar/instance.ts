/** Instance ids of devices (RFC 5626 4.1), compared as URNs, not as text. */
import { unquote } from "../sip/quoted-string.js";

const MAX_CHARACTERS = 256;
// Visible characters except angle brackets: keys of the store contain no spaces.
const URN = /^urn:([a-z0-9][a-z0-9-]{0,31}):([!-;=?-~]+)$/i;

/** The URN of a `+sip.instance` value, `"<urn:uuid:…>"`, normalised so that equal ones are equal text; undefined: it names no instance. */
export function instanceUrn(value: string | undefined): string | undefined {
  if (value === undefined || !value.startsWith('"')) return undefined;
  const inside = unquote(value);
  return inside.startsWith("<") && inside.endsWith(">") ? normalUrn(inside.slice(1, -1)) : undefined;
}

/** RFC 8141 3.1: scheme and namespace in lower case, escapes in upper case; RFC 9562 4: a UUID in lower case. */
export function normalUrn(text: string): string | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const [, namespace = "", specific = ""] = URN.exec(text) ?? [];
  if (namespace === "") return undefined;
  const nid = namespace.toLowerCase();
  const rest = nid === "uuid" ? specific.toLowerCase() : specific.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase());
  return `urn:${nid}:${rest}`;
}
