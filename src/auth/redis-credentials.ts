/** Users from Redis: the hash `sluice:auth:REALM:USER` with the fields `MD5` and `SHA-256`, each an HA1. */
import type { Cluster, Redis } from "ioredis";
import { CredentialsUnavailable, type CredentialStore, type FoundUser } from "./credential-store.js";
import { CommandLimit, closeRedis, connectRedis } from "../location/redis-client.js";
import { RedisChanges } from "../location/redis-changes.js";

const PREFIX = "sluice:auth:";

export class RedisCredentials implements CredentialStore {
  readonly #client: Redis | Cluster;
  readonly #limit = new CommandLimit();
  readonly #changes: RedisChanges;

  /** `onChanged` is called with each user who has changed, or is gone. */
  constructor(url: string, onChanged: (user: string, realm: string) => void) {
    this.#client = connectRedis(url);
    this.#changes = new RedisChanges(url, PREFIX, (key) => {
      // A realm may hold a colon, and so may a user.
      const name = key.slice(PREFIX.length);
      for (let at = name.indexOf(":"); at >= 0; at = name.indexOf(":", at + 1)) onChanged(name.slice(at + 1), name.slice(0, at));
    });
  }

  async find(user: string, realm: string): Promise<FoundUser | undefined> {
    // The same octets as arrived: as text, all that is not UTF-8 would be one and the same user.
    const key = Buffer.from(`${PREFIX}${realm}:${user}`, "latin1");
    const { count } = this.#changes;
    try {
      const [md5, sha256] = await this.#limit.run(() => this.#client.hmget(key, "MD5", "SHA-256"));
      if (!md5 && !sha256) return undefined;
      const ha1s = { ...(md5 && { MD5: md5 }), ...(sha256 && { "SHA-256": sha256 }) };
      // The news that he has changed may have come before the answer of before.
      return { ha1s, keepMs: this.#changes.era !== undefined && this.#changes.count === count ? Infinity : 0 };
    } catch (error) {
      throw new CredentialsUnavailable("Redis does not answer", { cause: error });
    }
  }

  async knows(user: string, realm: string): Promise<boolean> {
    return (await this.find(user, realm)) !== undefined;
  }

  revision(): number | undefined {
    return this.#changes.era;
  }

  async close(): Promise<void> {
    await Promise.all([this.#changes.close(), closeRedis(this.#client)]);
  }
}
