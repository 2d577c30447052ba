/** Which addresses of record have bindings on a local flow, to find them when the flow ends. */

interface Entry {
  readonly flow: string;
  readonly aors: Map<string, number>;
  readonly aor: string;
  readonly expiresAt: number;
}

export class FlowIndex {
  /** From flow to address of record to the expiry of the binding saved last. */
  readonly #flows = new Map<string, Map<string, number>>();
  #sweep = this.#entries();

  add(flow: string, aor: string, expiresAt: number): void {
    const aors = this.#flows.get(flow);
    if (aors === undefined) this.#flows.set(flow, new Map([[aor, expiresAt]]));
    else aors.set(aor, Math.max(expiresAt, aors.get(aor) ?? 0));
  }

  /** Takes out up to `most` of them; empty when there are no more. The binding of one may have moved to another flow meanwhile. */
  take(flow: string, most: number): readonly string[] {
    const aors = this.#flows.get(flow);
    const taken: string[] = [];
    for (const aor of aors?.keys() ?? []) {
      if (taken.length === most) return taken;
      taken.push(aor);
      aors?.delete(aor);
    }
    this.#flows.delete(flow);
    return taken;
  }

  /** Forgets what has expired, so that the index never outgrows the registrations; one step looks at `most`. False: there is more to look at. */
  expireSome(now: number, most: number): boolean {
    for (let looked = 0; looked < most; looked += 1) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = this.#entries();
        return true;
      }
      const { flow, aors, aor, expiresAt } = next.value;
      if (expiresAt > now) continue;
      aors.delete(aor);
      if (aors.size === 0) this.#flows.delete(flow);
    }
    return false;
  }

  /** A Map may change during iteration. */
  *#entries(): Generator<Entry, undefined> {
    for (const [flow, aors] of this.#flows) for (const [aor, expiresAt] of aors) yield { flow, aors, aor, expiresAt };
    return undefined;
  }
}
