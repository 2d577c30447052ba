/** Whole numbers between two bounds. */
import { expected, type Kind } from "./kind.js";

export function integer(least: number, most: number): Kind<number> {
  return {
    syntax: `${least} to ${most}`,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : expected(`a whole number from ${least} to ${most}`);
    },
  };
}
