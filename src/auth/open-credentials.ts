/** From the configuration to a credential store. */
import type { UserSource } from "../config/user-source.js";
import type { CredentialStore } from "./credential-store.js";
import { FileCredentials } from "./file-credentials.js";
import { HttpCredentials } from "./http-credentials.js";

export interface CredentialNeeds {
  readonly report: (error: unknown) => void;
  /** That user has changed, or is gone. */
  readonly onChanged: (user: string, realm: string) => void;
}

/** `location`: the URL of the Redis with the bindings. Undefined: no authentication. Rejects if a file is invalid. */
export async function openCredentials(source: UserSource, location: string, { report, onChanged }: CredentialNeeds): Promise<CredentialStore | undefined> {
  switch (source.kind) {
    case "off":
      return undefined;
    case "file":
      return FileCredentials.open(source.path, report);
    case "redis":
      return new (await import("./redis-credentials.js")).RedisCredentials(location, onChanged);
    case "http":
      return new HttpCredentials(source.url);
  }
}
