/** Whether to accept the Path of a REGISTER (RFC 3327 5.3). */
import type { RegistrarOptions } from "./registrar-options.js";

/** `untrusted`: refused with 403; `unsupported`: with 420. */
export const PathUse = { kept: 0, untrusted: 1, unsupported: 2 } as const;

/** A Path decides where a user's calls go, so only an edge's is trusted. */
export function useOfPath(mode: RegistrarOptions["pathMode"], isEdge: boolean, phoneSupportsIt: boolean): number {
  if (!isEdge) return PathUse.untrusted;
  return phoneSupportsIt || mode === "lazy" ? PathUse.kept : PathUse.unsupported;
}
