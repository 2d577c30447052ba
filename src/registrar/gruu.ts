/** Globally routable user agent URIs (RFC 5627): public ones name an instance openly, temporary ones hide it and end by themselves. */
import type { Binding } from "../location/binding.js";

/**
 * Who a Request-URI means: `aor` to look up in the store; `pick` keeps the bindings of it that are meant (all of them when the URI is
 * no GRUU). `isGruu`: with nothing picked a temporary one is answered 404, a public one 480.
 */
export interface Destination {
  readonly aor: string;
  readonly kind: "aor" | "public-gruu" | "temporary-gruu";
  pick(bindings: readonly Binding[]): readonly Binding[];
}

/** Undefined: not a SIP URI with a user, or a temporary GRUU that was never ours (404). */
export type ResolveDestination = (uri: string) => Destination | undefined;
