/** Why a URI could not be resolved. That a name does not exist is no error: it has no targets. */

export type ResolveFailure =
  /** The DNS did not answer in time. */
  | "timeout"
  /** The DNS answered that it cannot say (SERVFAIL, REFUSED) or could not be reached. */
  | "failed";

export class ResolveError extends Error {
  override readonly name = "ResolveError";
  readonly failure: ResolveFailure;

  constructor(failure: ResolveFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}
