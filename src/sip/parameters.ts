/** Parameters behind a URI or a header value: `;name`, `;name=token`, `;name="quoted; text"` (RFC 3261 25.1, generic-param). */

export interface Parameter {
  /** Lower case. */
  readonly name: string;
  /** As it came, quotes included; undefined: a name only. */
  readonly value: string | undefined;
  /** The whole parameter as it came, without the semicolon and the blanks around it. */
  readonly text: string;
}

/** Undefined when it is not a list of parameters. `text` begins with a semicolon, or is blank. */
export function parseParameters(text: string): readonly Parameter[] | undefined {
  return text === "" ? [] : undefined;
}

/** The first parameter of that name. */
export function findParameter(parameters: readonly Parameter[], name: string): Parameter | undefined {
  return parameters.find((parameter) => parameter.name === name);
}
