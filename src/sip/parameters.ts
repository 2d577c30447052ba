/** Parameters behind a URI or a header value: `;name`, `;name=token`, `;name="quoted; text"` (RFC 3261 25.1, generic-param). */
import { isToken, skipBlanks } from "./characters.js";
import { quotedEnd } from "./quoted-string.js";

export interface Parameter {
  /** Lower case. */
  readonly name: string;
  /** As it came, quotes included; undefined: a name only. */
  readonly value: string | undefined;
  /** The whole parameter as it came, without the semicolon and the blanks around it. */
  readonly text: string;
}

const NOT_IN_VALUE = /[\s"<>,]/;

/** Undefined when it is not a list of parameters, or names one twice with other values. `text` begins with a semicolon, or is blank. */
export function parseParameters(text: string): readonly Parameter[] | undefined {
  const parameters: Parameter[] = [];
  const names = new Map<string, string | undefined>();
  let at = skipBlanks(text, 0);
  while (at < text.length) {
    if (text[at] !== ";") return undefined;
    const begin = skipBlanks(text, at + 1);
    const end = parameterEnd(text, begin);
    const parameter = end < 0 ? undefined : readParameter(text.slice(begin, end).trimEnd());
    if (parameter === undefined) return undefined;
    at = end;
    // RFC 3261 7.3.1 and 19.1.1: no name twice, for readers differ on which one counts. SIP.js says the same instance twice, which is harmless.
    if (names.has(parameter.name)) {
      if (names.get(parameter.name) !== parameter.value) return undefined;
      continue;
    }
    names.set(parameter.name, parameter.value);
    parameters.push(parameter);
  }
  return parameters;
}

/** The index of the semicolon that ends it; -1: a quote does not close. */
function parameterEnd(text: string, begin: number): number {
  for (let index = begin; index < text.length; index += 1) {
    if (text[index] === ";") return index;
    if (text[index] !== '"') continue;
    const end = quotedEnd(text, index);
    if (end < 0) return -1;
    index = end - 1;
  }
  return text.length;
}

function readParameter(text: string): Parameter | undefined {
  const equals = text.indexOf("=");
  const name = (equals < 0 ? text : text.slice(0, equals)).trimEnd();
  if (!isToken(name)) return undefined;
  if (equals < 0) return { name: name.toLowerCase(), value: undefined, text };
  const value = text.slice(equals + 1).trimStart();
  const sound = value.startsWith('"') ? quotedEnd(value, 0) === value.length : !NOT_IN_VALUE.test(value);
  return sound ? { name: name.toLowerCase(), value, text } : undefined;
}

/** The first parameter of that name. */
export function findParameter(parameters: readonly Parameter[], name: string): Parameter | undefined {
  return parameters.find((parameter) => parameter.name === name);
}
