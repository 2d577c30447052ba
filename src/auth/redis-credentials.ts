/** Users from Redis: the hash `sluice:auth:REALM:USER` with the fields `MD5` and `SHA-256`, each an HA1. */
import type { Cluster, Redis } from "ioredis";
import { CredentialsUnavailable, type CredentialStore, type Ha1s } from "./credential-store.js";
import { CommandLimit, closeRedis, connectRedis } from "../location/redis-client.js";

export class RedisCredentials implements CredentialStore {
  readonly #client: Redis | Cluster;
  readonly #limit = new CommandLimit();

  constructor(url: string) {
    this.#client = connectRedis(url);
  }

  async find(user: string, realm: string): Promise<Ha1s | undefined> {
    // The Redis client writes UTF-8: what arrived as UTF-8 leaves as the same octets.
    const key = Buffer.from(`sluice:auth:${realm}:${user}`, "latin1").toString("utf8");
    try {
      const [md5, sha256] = await this.#limit.run(() => this.#client.hmget(key, "MD5", "SHA-256"));
      if (!md5 && !sha256) return undefined;
      return { ...(md5 && { MD5: md5 }), ...(sha256 && { "SHA-256": sha256 }) };
    } catch (error) {
      throw new CredentialsUnavailable("Redis does not answer", { cause: error });
    }
  }

  async knows(user: string, realm: string): Promise<boolean> {
    return (await this.find(user, realm)) !== undefined;
  }

  close(): Promise<void> {
    return closeRedis(this.#client);
  }
}
