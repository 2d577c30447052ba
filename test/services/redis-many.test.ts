/** Several Redis servers: a cluster that divides the addresses, and a master with a replica that a sentinel promotes. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { RedisStore } from "../../src/location/redis-store.js";
import { operation, plainBinding } from "../support/bindings.js";
import { freePort } from "../support/ports.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");

const AORS = Array.from({ length: 60 }, (_, index) => `sip:user${index}@example.org`);

async function storeAt(url: string): Promise<RedisStore> {
  const store = await RedisStore.open(url, "node-one");
  onTestFinished(() => store.close());
  return store;
}

const save = (store: RedisStore, aor: string): ReturnType<RedisStore["save"]> => store.save(aor, operation({ put: [plainBinding(store, "sip:a@192.0.2.1", { aor })] }));
const found = (store: RedisStore, aor: string): Promise<number | string> => store.lookup(aor).then((bindings) => bindings.length, () => "away");

test("SA-5 a cluster of three: what one registrar saves the other finds, and a master that is down affects only its own addresses", { timeout: 60_000 }, async () => {
  const nodes: RedisServer[] = [];
  for (let count = 0; count < 3; count += 1) {
    const node = await RedisServer.start("--cluster-enabled", "yes", "--cluster-port", String(await freePort()), "--cluster-require-full-coverage", "no", "--cluster-node-timeout", "1000");
    onTestFinished(() => node.stop());
    nodes.push(node);
  }
  const places = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await promisify(execFile)("redis-cli", ["--cluster", "create", ...places, "--cluster-yes"]);
  const [A, B] = [await storeAt(`redis+cluster://${places.join(",")}`), await storeAt(`redis+cluster://${places[2]}`)];
  for (const aor of AORS) expect(await save(A, aor)).toMatchObject({ outcome: "saved" });
  expect(await Promise.all(AORS.map((aor) => found(B, aor)))).toEqual(AORS.map(() => 1));
  await nodes[0]?.kill();
  await expect.poll(async () => new Set(await Promise.all(AORS.map((aor) => found(B, aor))))).toEqual(new Set([1, "away"]));
  await nodes[0]?.begin();
  await expect.poll(async () => new Set(await Promise.all(AORS.map((aor) => found(B, aor)))), { timeout: 30_000 }).toEqual(new Set([1]));
});

test("SA-5 behind a sentinel: the replica takes over, bindings and all", { timeout: 60_000 }, async () => {
  const master = await RedisServer.start();
  const replica = await RedisServer.start("--replicaof", "127.0.0.1", String(master.port));
  const sentinel = await RedisServer.sentinel(master, "phones");
  for (const server of [master, replica, sentinel]) onTestFinished(() => server.stop());
  const store = await storeAt(`redis+sentinel://127.0.0.1:${sentinel.port}/phones`);
  // The connection breaks when the sentinel tells of a master, the first or a new one.
  const saves = (aor: string): Promise<void> => expect.poll(() => save(store, aor).catch((error: unknown) => error), { timeout: 30_000 }).toMatchObject({ outcome: "saved" });
  for (const aor of AORS) await saves(aor);
  const [first = ""] = AORS;
  // The sentinel must know the replica, and the replica must have everything, before the master goes down.
  const ask = async (port: number, ...words: readonly string[]): Promise<string> => (await promisify(execFile)("redis-cli", ["-p", String(port), ...words])).stdout;
  await expect.poll(() => ask(sentinel.port, "sentinel", "replicas", "phones"), { timeout: 30_000 }).toContain(String(replica.port));
  await expect.poll(() => ask(replica.port, "dbsize"), { timeout: 30_000 }).toContain(String(AORS.length));
  await master.kill();
  await expect.poll(async () => new Set(await Promise.all(AORS.map((aor) => found(store, aor)))), { timeout: 30_000 }).toEqual(new Set([1]));
  await store.remove(first, (await store.lookup(first))[0]?.key ?? "");
  await saves(first);
});
