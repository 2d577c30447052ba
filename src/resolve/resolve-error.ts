/** A URI could not be resolved: the DNS did not answer in time, would not say (SERVFAIL, REFUSED), or could not be reached. A name that does not exist has no targets, which is not an error. */
export class ResolveError extends Error {
  override readonly name = "ResolveError";
}
