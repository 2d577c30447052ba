/** Which addresses of record have bindings on a local flow: what must be looked at when the flow ends. */

export class FlowIndex {
  /** Flow to address of record to the expiry of the last binding that was saved. */
  readonly #flows = new Map<string, Map<string, number>>();

  add(flow: string, aor: string, expiresAt: number): void {
    const aors = this.#flows.get(flow);
    if (aors === undefined) this.#flows.set(flow, new Map([[aor, expiresAt]]));
    else aors.set(aor, Math.max(expiresAt, aors.get(aor) ?? 0));
  }

  /** It may name one whose binding has moved to another flow meanwhile. */
  of(flow: string): readonly string[] {
    return [...(this.#flows.get(flow)?.keys() ?? [])];
  }

  delete(flow: string): void {
    this.#flows.delete(flow);
  }

  /** Forgets what has expired, so that it is no larger than what is registered. */
  expire(now: number): void {
    for (const [flow, aors] of this.#flows) {
      for (const [aor, expiresAt] of aors) if (expiresAt <= now) aors.delete(aor);
      if (aors.size === 0) this.#flows.delete(flow);
    }
  }
}
