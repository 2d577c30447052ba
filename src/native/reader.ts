/** What the native scanner finds in a message or a text: numbers in one table, overwritten by every reading (native/addon/reader.cc). */
import { Const } from "./layout.js";
import { binding } from "./load.js";

/** Room for all parameters of the longest text: each has at least two characters. */
export const found = new Int32Array((Const.readerOctets / 2) * 5);

/** How many header lines it has; the fields of MessageField are in `found`, followed by those of LineField for each line. */
export function readMessage(octets: Uint8Array): number {
  return binding.readMessage(octets, found);
}

/** The values of a comma list: how many, begin and end of each in `found`; -1: one is empty, or a quote or a bracket does not close. */
export function readList(text: string): number {
  return binding.readList(text, found);
}

/** False: not a URI. For a scheme other than SIP's only `scheme` is set. */
export function readUri(text: string): boolean {
  return binding.readUri(text, found) >= 0;
}

/** One name-addr or addr-spec: how many parameters follow it; the fields of AddressField, then those of ParameterField for each; -1: not an address. */
export function readAddress(text: string): number {
  return binding.readAddress(text, found);
}

/** Parameters from their first semicolon on: how many, the fields of ParameterField for each; -1: malformed. */
export function readParameters(text: string): number {
  return binding.readParameters(text, found);
}

/** One Via value. */
export function readVia(text: string): boolean {
  return binding.readVia(text, found) >= 0;
}

export function numberAt(field: number): number {
  return found[field]!;
}

/** The piece that begins at field `at` and ends at the next field; undefined: the text has none. */
export function piece(text: string, at: number): string | undefined {
  const begin = found[at]!;
  return begin < 0 ? undefined : text.slice(begin, found[at + 1]);
}
