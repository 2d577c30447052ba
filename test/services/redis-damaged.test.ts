/** Rows in Redis that no registrar has written: the other bindings of their address stay reachable, and nothing of them goes out. */
import { expect, onTestFinished } from "vitest";
import { RedisStore } from "../../src/location/redis-store.js";
import { MOST_ROWS } from "../../src/location/redis-scripts.js";
import { toRow } from "../../src/location/row.js";
import { AOR, operation, plainBinding } from "../support/bindings.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");
const KEY = `sluice:aor:{${AOR}}`;

async function stage(): Promise<{ store: RedisStore; faults: string[]; unread: number[]; put: (rows: Readonly<Record<string, string>>) => Promise<unknown>; keys: () => Promise<readonly string[]> }> {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  const faults: string[] = [];
  const unread: number[] = [];
  const store = await RedisStore.open(server.url, "node-one", { report: (error) => faults.push(String(error)), unread: (rows) => unread.push(rows) });
  onTestFinished(() => store.close());
  const { Redis } = await import("ioredis");
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  return { store, faults, unread, put: (rows) => admin.hset(KEY, rows), keys: () => admin.hkeys(KEY) };
}

const uris = (bindings: readonly { readonly contactUri: string }[]): readonly string[] => bindings.map(({ contactUri }) => contactUri).sort();

test("SA-5 rows that cannot be read are left out of lookups and counted, and the next REGISTER removes what no version can have written", async () => {
  const { store, faults, unread, put, keys } = await stage();
  await store.save(AOR, operation({ put: [plainBinding(store, "sip:a@h")] }));
  const row = (differences: object): string => JSON.stringify(toRow({ ...plainBinding(store, "sip:evil@h"), ...differences }));
  await put({
    text: "not JSON",
    other: "{}",
    short: "[1]",
    path: row({ path: [7] }),
    uri: row({ key: "uri", contactUri: "sip:evil@h\r\nX-Evil: 1" }),
    route: row({ key: "route", path: ["<sip:edge.example>\r\nX-Evil: 1"] }),
    params: row({ key: "params", contactParams: ";a=b\nX-Evil: 1" }),
    folded: row({ key: "folded", contactUri: "sip:folded@h", contactParams: ";a=b\r\n ;c=d" }),
  });
  expect(uris(await store.lookup(AOR))).toEqual(["sip:a@h", "sip:folded@h"]);
  expect(faults).toEqual([expect.stringContaining(`7 of 9 rows of ${KEY}`)]);
  expect(unread).toEqual([7]);
  const saved = await store.save(AOR, operation({ cseq: 2, put: [plainBinding(store, "sip:b@h", { cseq: 2 })] }));
  expect(saved.outcome === "saved" && uris(saved.bindings)).toEqual(["sip:a@h", "sip:b@h", "sip:folded@h"]);
  expect(await keys()).not.toEqual(expect.arrayContaining(["text"]));
  expect(await keys()).not.toEqual(expect.arrayContaining(["path"]));
});

test("an address with more rows than any registrar writes is refused as a whole, and Contact: * clears it", async () => {
  const { store, put } = await stage();
  await store.save(AOR, operation({ put: [plainBinding(store, "sip:a@h")] }));
  const rows = Object.fromEntries(Array.from({ length: MOST_ROWS }, (_, at) => {
    const binding = plainBinding(store, `sip:phone${at}@h`);
    return [binding.key, JSON.stringify(toRow(binding))];
  }));
  await put(rows);
  await expect(store.lookup(AOR)).rejects.toThrow(`more than ${MOST_ROWS} rows`);
  const found = await store.batches?.find([AOR, "sip:nobody@example.org"]);
  expect(Buffer.from(found ?? []).toString()).toBe("s1;0:s0;");
  expect(await store.save(AOR, operation({ cseq: 2, put: [plainBinding(store, "sip:a@h", { cseq: 2 })] }))).toEqual({ outcome: "full" });
  expect(await store.save(AOR, operation({ cseq: 3, everything: true }))).toEqual({ outcome: "saved", bindings: [] });
  expect(await store.lookup(AOR)).toEqual([]);
});
