/** The error for a value of the wrong kind. */
import type { Kind } from "../../../src/config/kind.js";
import { Unexpected } from "../../../src/config/kind.js";

export function complaintOf(kind: Kind<unknown>, text: string): string {
  try {
    kind.parse(text);
  } catch (error) {
    if (error instanceof Unexpected) return error.message;
    throw error;
  }
  throw new Error(`"${text}" was accepted`);
}
