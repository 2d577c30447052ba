/** Where password hashes are kept: a file, Redis, or an external HTTP server. */
import type { DigestAlgorithm } from "./digest.js";

/** HA1 by algorithm, the hash of `user:realm:password` in hexadecimal digits; never a password. */
export type Ha1s = Readonly<Partial<Record<DigestAlgorithm, string>>>;

/** What a store says of a user. */
export interface FoundUser {
  readonly ha1s: Ha1s;
  /** How long this may be reused without asking again, in milliseconds, if `revision` stays the same; Infinity: as long as that. */
  readonly keepMs: number;
}

/** Three lines for each: user, realm and HA1; text is octets as latin1 characters. */
export interface Ha1List {
  readonly count: number;
  /** Some hundred at a time, so that other work can come in between. */
  readonly slices: Iterable<string>;
}

/** The store cannot be queried: the request is answered 503. */
export class CredentialsUnavailable extends Error {
  override readonly name = "CredentialsUnavailable";
}

export interface CredentialStore {
  /** Undefined: there is no such user. User and realm are octets as latin1 characters. Rejects with CredentialsUnavailable. */
  find(user: string, realm: string): Promise<FoundUser | undefined>;
  /** The HA1s at once, if this store has them at hand; valid as long as `revision` is the same. */
  findNow?(user: string, realm: string): Ha1s | undefined;
  /** All HA1s of these algorithms, as far as they are at hand; valid as long as `revision` is the same. */
  all?(algorithms: readonly DigestAlgorithm[]): Ha1List;
  /** Whether there is such a user; a store without this cannot be queried on behalf of strangers. Rejects with CredentialsUnavailable. */
  knows?(user: string, realm: string): Promise<boolean>;
  /** The algorithms that every user has a hash for; undefined: the store cannot tell. */
  commonAlgorithms?(): readonly DigestAlgorithm[];
  /** Changes with the users, so that results of `find` may be reused until then; undefined: call `find` each time. */
  revision?(): number | undefined;
  close(): Promise<void>;
}
