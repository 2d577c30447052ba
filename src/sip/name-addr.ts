/** An address in a header: `"Name" <sip:user@host;uri-param>;header-param`, or a bare URI (RFC 3261 20.10 and 25.1). */
import { AddressField } from "../native/layout.js";
import { piece, readAddress } from "../native/reader.js";
import { type Parameter, foundParameters } from "./parameters.js";
import { rememberingLast } from "./recent.js";

export interface NameAddr {
  /** As received, quotes included; "" when absent. */
  readonly displayName: string;
  /** As received, without angle brackets. */
  readonly uri: string;
  /** The header parameters. After a URI without angle brackets all parameters belong to the header (RFC 3261 20.10). */
  readonly parameters: readonly Parameter[];
}

/** One value, as `splitHeaderList` leaves it. Undefined: not an address. */
export const parseNameAddr = rememberingLast(readNameAddr);

function readNameAddr(text: string): NameAddr | undefined {
  const count = readAddress(text);
  if (count < 0) return undefined;
  return {
    displayName: piece(text, AddressField.displayAt) ?? "",
    uri: piece(text, AddressField.uriAt) ?? "",
    parameters: foundParameters(text, AddressField.size, count),
  };
}

/** The URI in a value of From, Contact, Route, Path and the like; undefined: it cannot be read. */
export function uriIn(value: string): string | undefined {
  return parseNameAddr(value)?.uri;
}
