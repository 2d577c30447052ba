/** Comma-separated lists of another kind. */
import { expected, type Kind } from "./kind.js";

export interface ListOptions<T> {
  readonly most?: number;
  /** The part of a value that must be unique in the list. */
  readonly sameness?: (value: T) => string;
}

export function commaList<T>(item: Kind<T>, { most = 1_000, sameness }: ListOptions<T> = {}): Kind<readonly T[]> {
  return {
    syntax: `${item.syntax}; several with commas`,
    parse: (text) => {
      const parts = text.split(",").map((part) => part.trim());
      if (parts.length > most) expected(`at most ${most} values`);
      if (parts.includes("")) expected("no empty value between commas");
      const values = parts.map(item.parse);
      const names = sameness === undefined ? [] : values.map(sameness);
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice !== undefined) expected(`each value once, but ${twice} is there twice`);
      return Object.freeze(values);
    },
  };
}
