/**
 * Credentials for us end here (RFC 3261 22.3): a later hop could guess the password from them offline. Those for
 * other realms pass.
 */
import type { HeaderField } from "../sip/message.js";

const NAMES = new Set(["authorization", "proxy-authorization"]);
const REALM = /realm[ \t\r\n]*=(?=[ \t\r\n"]*([^", \t\r\n]*))/gi;

/** Looser than what is accepted as credentials, wherever a realm of ours is named: as native/core/relay/own_credentials.cc. */
export function areOwnCredentials({ key, value }: HeaderField, realms: ReadonlySet<string>): boolean {
  return NAMES.has(key) && [...value.matchAll(REALM)].some(([, realm = ""]) => realms.has(realm.replaceAll("\\", "")));
}
