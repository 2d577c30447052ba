/**
 * Credentials for us end here (RFC 3261 22.3): a later hop could guess the password from them offline. Those for
 * other realms pass.
 */
import { splitHeaderList } from "../sip/header-list.js";
import type { HeaderField } from "../sip/message.js";
import { unquote } from "../sip/quoted-string.js";

const NAMES = new Set(["authorization", "proxy-authorization"]);

/** Looser than what is accepted as credentials: what cannot be parsed is removed too. */
export function areOwnCredentials({ key, value }: HeaderField, realms: ReadonlySet<string>): boolean {
  if (!NAMES.has(key)) return false;
  const parts = splitHeaderList(value);
  if (parts === undefined) return [...realms].some((realm) => value.includes(realm));
  return parts.some((part) => {
    const [, text] = /(?:^|[ \t])realm[ \t]*=[ \t]*(.*)$/is.exec(part) ?? [];
    return text !== undefined && realms.has(unquote(text.trim()));
  });
}
