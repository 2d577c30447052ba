/** Header values that share a line: `a, "b,c" <sip:d,e>, f` cut at the commas between them (RFC 3261 7.3.1). */
import { found, readList } from "../native/reader.js";
import { rememberingLast } from "./recent.js";

/** The values without surrounding white space, in order. Undefined: one is empty, or a quote or an angle bracket does not close. */
export const splitHeaderList = rememberingLast(readHeaderList);

function readHeaderList(text: string): readonly string[] | undefined {
  const count = readList(text);
  if (count < 0) return undefined;
  const values: string[] = [];
  for (let at = 0; at < 2 * count; at += 2) values.push(text.slice(found[at], found[at + 1]));
  return values;
}

/** The values of all fields of one name, as `SipMessage.headers` gives them. Undefined: one of the fields is not a list. */
export function joinHeaderLists(fields: readonly string[]): readonly string[] | undefined {
  const all: string[] = [];
  for (const field of fields) {
    const values = splitHeaderList(field);
    if (values === undefined) return undefined;
    for (const value of values) all.push(value);
  }
  return all;
}

/** Whether an option tag is in Supported, Require or the like; tags are tokens, so nothing in them is quoted. */
export function hasOptionTag(fields: readonly string[], tag: string): boolean {
  return optionTags(fields).includes(tag);
}

/** The option tags of all fields of one name, in lower case. */
export function optionTags(fields: readonly string[]): readonly string[] {
  return fields.flatMap((field) => field.split(",").map((tag) => tag.trim().toLowerCase())).filter((tag) => tag !== "");
}
