/** A kind of value: how a variable's text becomes a typed value, and how the documentation describes its syntax. */

export interface Kind<T> {
  /** The syntax, as docs/configuration.md shows it. */
  readonly syntax: string;
  /** Throws Unexpected when the text is not of this kind. */
  readonly parse: (text: string) => T;
}

/** A variable's text is not what was expected; the message completes the sentence "expected …". */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
}

export function expected(what: string): never {
  throw new Unexpected(what);
}
