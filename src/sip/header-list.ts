/** Header values that share a line: `a, "b,c" <sip:d,e>, f` cut at the commas between them (RFC 3261 7.3.1). */
import { quotedEnd } from "./quoted-string.js";

/** The values without the blanks around them, in their order. Undefined: one is empty, or a quote or an angle bracket does not close. */
export function splitHeaderList(text: string): readonly string[] | undefined {
  if (text.trim() === "") return [];
  const values: string[] = [];
  let begin = 0;
  for (let index = 0; index <= text.length; index += 1) {
    const character = text[index];
    if (character === undefined || character === ",") {
      const value = text.slice(begin, index).trim();
      if (value === "") return undefined;
      values.push(value);
      begin = index + 1;
    } else if (character === '"' || character === "<") {
      // A URI in brackets may hold commas, and a quote in it means nothing.
      const end = character === '"' ? quotedEnd(text, index) : text.indexOf(">", index) + 1;
      if (end <= 0) return undefined;
      index = end - 1;
    } else if (character === ">") {
      return undefined;
    }
  }
  return values;
}

/** The values of all fields of one name, as `SipMessage.headers` gives them. Undefined: one of the fields is no list. */
export function joinHeaderLists(fields: readonly string[]): readonly string[] | undefined {
  const all: string[] = [];
  for (const field of fields) {
    const values = splitHeaderList(field);
    if (values === undefined) return undefined;
    all.push(...values);
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
