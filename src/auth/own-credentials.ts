/**
 * Credentials that were meant for us end here (RFC 3261 22.3): whoever gets them further on could guess the password at leisure. Those for
 * other realms are somebody else's and pass.
 */
import { splitHeaderList } from "../sip/header-list.js";
import type { HeaderField } from "../sip/message.js";
import { unquote } from "../sip/quoted-string.js";

const NAMES = new Set(["authorization", "proxy-authorization"]);

/** Looser than what is accepted as credentials: what cannot be read as a list is held against us. */
export function areOwnCredentials({ key, value }: HeaderField, realms: ReadonlySet<string>): boolean {
  if (!NAMES.has(key)) return false;
  const parts = splitHeaderList(value);
  if (parts === undefined) return [...realms].some((realm) => value.includes(realm));
  return parts.some((part) => {
    const [, text] = /(?:^|[ \t])realm[ \t]*=[ \t]*(.*)$/is.exec(part) ?? [];
    return text !== undefined && realms.has(unquote(text.trim()));
  });
}
