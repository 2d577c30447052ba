/** Parameters after a URI or a header value: `;name`, `;name=token`, `;name="quoted; text"` (RFC 3261 25.1, generic-param). */
import { ParameterField } from "../native/layout.js";
import { found, piece, readParameters } from "../native/reader.js";

export interface Parameter {
  /** Lower case. */
  readonly name: string;
  /** As received, quotes included; undefined: a name only. */
  readonly value: string | undefined;
  /** The whole parameter as received, without the semicolon and surrounding white space. */
  readonly text: string;
}

/** Undefined when it is not a list of parameters. `text` begins with a semicolon, or is blank. */
export function parseParameters(text: string): readonly Parameter[] | undefined {
  const count = readParameters(text);
  return count < 0 ? undefined : foundParameters(text, 0, count);
}

/** The parameters of `text` that the scanner left in the table from field `first` on. */
export function foundParameters(text: string, first: number, count: number): readonly Parameter[] {
  const parameters: Parameter[] = [];
  for (let index = 0, at = first; index < count; index += 1, at += ParameterField.size) {
    parameters.push({
      name: text.slice(found[at + ParameterField.textAt], found[at + ParameterField.nameEnd]).toLowerCase(),
      value: piece(text, at + ParameterField.valueAt),
      text: text.slice(found[at + ParameterField.textAt], found[at + ParameterField.textEnd]),
    });
  }
  return parameters;
}

/** The first parameter of that name. */
export function findParameter(parameters: readonly Parameter[], name: string): Parameter | undefined {
  return parameters.find((parameter) => parameter.name === name);
}

/** Whether one of them occurs twice with different values, so that parsers could disagree (RFC 3261 7.3.1). SIP.js sends the same instance twice, which is harmless. */
export function contradict(parameters: readonly Parameter[]): boolean {
  const values = new Map<string, string | undefined>();
  return parameters.some(({ name, value }) => {
    if (values.has(name)) return values.get(name) !== value;
    values.set(name, value);
    return false;
  });
}
