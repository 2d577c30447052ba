/** From the configuration to a credential store. */
import type { UserSource } from "../config/user-source.js";
import type { CredentialStore } from "./credential-store.js";
import { FileCredentials } from "./file-credentials.js";
import { HttpCredentials } from "./http-credentials.js";
import { RedisCredentials } from "./redis-credentials.js";

/** `location`: the URL of the Redis that bindings are in. Undefined: nobody has to prove anything. Throws when a file is unsound. */
export function openCredentials(source: UserSource, location: string, report: (error: unknown) => void): CredentialStore | undefined {
  switch (source.kind) {
    case "off":
      return undefined;
    case "file":
      return new FileCredentials(source.path, report);
    case "redis":
      return new RedisCredentials(location);
    case "http":
      return new HttpCredentials(source.url);
  }
}
