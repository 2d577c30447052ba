/** One row of the configuration table. */
import type { Kind } from "./kind.js";

export interface Variable<T> {
  readonly name: `SLUICE_${string}`;
  readonly kind: Kind<T>;
  /** The text to use when the variable is not set; undefined: the value is undefined then. */
  readonly fallback: string | undefined;
  /** What the documentation shows as the default. */
  readonly shownDefault: string;
  readonly prose: string;
  readonly secret: boolean;
}

export function withDefault<T>(name: Variable<T>["name"], kind: Kind<T>, fallback: string, prose: string, shown = `\`${fallback}\``): Variable<T> {
  return { name, kind, fallback, shownDefault: shown, prose, secret: false };
}

export function optional<T>(name: Variable<T>["name"], kind: Kind<T>, whenUnset: string, prose: string, secret = false): Variable<T | undefined> {
  return { name, kind, fallback: undefined, shownDefault: whenUnset, prose, secret };
}

/** With a default, and never printed: the value may hold a password. */
export function secret<T>(name: Variable<T>["name"], kind: Kind<T>, fallback: string, prose: string, shown = `\`${fallback}\``): Variable<T> {
  return { ...withDefault(name, kind, fallback, prose, shown), secret: true };
}
