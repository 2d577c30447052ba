/** Where the hashes of passwords are kept: a file, Redis, or somebody else's HTTP server. */
import type { DigestAlgorithm } from "./digest.js";

/** HA1 by algorithm, the hash of `user:realm:password` in hexadecimal digits; never a password. */
export type Ha1s = Readonly<Partial<Record<DigestAlgorithm, string>>>;

/** The store cannot be asked: the request is answered 503. */
export class CredentialsUnavailable extends Error {
  override readonly name = "CredentialsUnavailable";
}

export interface CredentialStore {
  /** Undefined: there is no such user. User and realm are octets as latin1 characters. Rejects with CredentialsUnavailable. */
  find(user: string, realm: string): Promise<Ha1s | undefined>;
  /** Whether there is such a user; without it the store cannot be asked on behalf of strangers. Rejects with CredentialsUnavailable. */
  knows?(user: string, realm: string): Promise<boolean>;
  /** The algorithms that every user has a hash for, as far as the store can tell; undefined: it cannot. */
  commonAlgorithms?(): readonly DigestAlgorithm[];
  close(): Promise<void>;
}
