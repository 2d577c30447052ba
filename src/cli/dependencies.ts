/** The part of `sluice doctor` that looks at what the server depends on: store, users, certificates, capture server. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { promises as dns } from "node:dns";
import { constants, accessSync, existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../base/message-of.js";
import { HtdigestUsers } from "../auth/htdigest.js";
import { HttpCredentials } from "../auth/http-credentials.js";
import type { Config } from "../config/config.js";
import { EMBEDDED } from "../config/location.js";
import { domainsOf } from "../shard/served.js";
import type { Check } from "./check.js";

const PATIENCE_MS = 3_000;
const LEAST_FREE = 100e6;
const WARNING_MS = 14 * 86_400_000;

export async function dependencies(config: Config): Promise<readonly Check[]> {
  return [...(await store(config)), ...(await users(config)), ...certificates(config), ...(await capture(config))];
}

async function store({ mode, location, stateDir }: Config): Promise<readonly Check[]> {
  if (mode === "edge") return [];
  return [location === EMBEDDED ? folder(stateDir) : await redis(location)];
}

function folder(stateDir: string): Check {
  const place = existsSync(stateDir) ? stateDir : dirname(stateDir);
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(place);
    const megabytes = Math.round((bavail * bsize) / 1e6);
    if (bavail * bsize < LEAST_FREE) return { name: "store", result: "warn", detail: `embedded in ${stateDir}, where only ${megabytes} MB are free` };
    return { name: "store", result: "ok", detail: `embedded in ${stateDir}, ${megabytes} MB free` };
  } catch (error) {
    return { name: "store", result: "fail", detail: `embedded in ${stateDir}: ${messageOf(error)}` };
  }
}

async function redis(url: string): Promise<Check> {
  const { closeRedis, connectRedis } = await import("../location/redis-client.js");
  return new Promise((resolve) => {
    let last = "no answer in time";
    const end = (check: Check): void => {
      clearTimeout(timer);
      void closeRedis(client);
      resolve(check);
    };
    const timer = setTimeout(() => end({ name: "store", result: "fail", detail: `Redis: ${last}` }), PATIENCE_MS);
    const client = connectRedis(url, (isUp, error) => {
      if (error) last = error.message;
      if (isUp) client.ping().then(() => end({ name: "store", result: "ok", detail: "Redis answers" }), (failed: unknown) => end({ name: "store", result: "fail", detail: `Redis: ${messageOf(failed)}` }));
    });
  });
}

async function users(config: Config): Promise<readonly Check[]> {
  const { mode, auth } = config;
  if (mode === "edge") return [];
  try {
    if (auth.kind === "file") {
      const { common } = new HtdigestUsers(readFileSync(auth.path, "latin1"));
      return [{ name: "users", result: common.length > 0 ? "ok" : "warn", detail: common.length > 0 ? `${auth.path}, every user with ${common.join(" and ")}` : `${auth.path} has no users, or no algorithm that all of them have` }];
    }
    if (auth.kind !== "http") return [];
    await new HttpCredentials(auth.url).find("sluice-doctor", domainsOf(config)[0]?.name ?? "");
    return [{ name: "users", result: "ok", detail: `${new URL(auth.url).host} answers` }];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    return [{ name: "users", result: "fail", detail: `${messageOf(error)}${cause}` }];
  }
}

function certificates({ tlsCert = [], tlsKey = [] }: Config): readonly Check[] {
  return tlsCert.map((file, at): Check => {
    try {
      const certificate = new X509Certificate(readFileSync(file));
      const left = Date.parse(certificate.validTo) - Date.now();
      if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(tlsKey[at] ?? "")))) return { name: "certificate", result: "fail", detail: `${file}: ${tlsKey[at]} is not its key` };
      if (left <= 0) return { name: "certificate", result: "fail", detail: `${file} ended on ${certificate.validTo}` };
      return { name: "certificate", result: left < WARNING_MS ? "warn" : "ok", detail: `${file} is valid until ${certificate.validTo}` };
    } catch (error) {
      return { name: "certificate", result: "fail", detail: `${file}: ${messageOf(error)}` };
    }
  });
}

/** HEP over UDP gets no response, so this only checks that the name resolves. */
async function capture({ hep }: Config): Promise<readonly Check[]> {
  if (hep === undefined) return [];
  try {
    const { address } = await dns.lookup(hep.host);
    return [{ name: "HEP", result: "ok", detail: `${hep.host} is ${address}; whether it takes what is sent shows in sluice_capture_unwritten_total` }];
  } catch (error) {
    return [{ name: "HEP", result: "fail", detail: messageOf(error) }];
  }
}
