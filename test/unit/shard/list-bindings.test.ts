/** What a list of bindings costs: of ten thousand addresses, few are read. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { LocationStore } from "../../../src/location/store.js";
import { NativeStore } from "../../../src/location/native-store.js";
import { listBindings } from "../../../src/shard/list-bindings.js";

const USERS = 3_000;
const PAGE = 20;

test("the bindings that expire first are found without a lookup of every address", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bindings-"));
  const store = await NativeStore.open(folder);
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const now = store.now();
  const common = { cseq: 1, updatedAt: now, outbound: false, contactParams: "", path: [], q: 1000 };
  for (let user = 0; user < USERS; user += 1) {
    const aor = `sip:user${user}@example.com`;
    // Two bindings each, in an order that has nothing to do with that of the addresses.
    const put = [0, 1].map((which) => ({ ...common, aor, key: `k${which}`, callId: `c${which}`, contactUri: `sip:${which}@192.0.2.1`, expiresAt: now + 600_000 + ((user * 7_919 + which * 1_500) % USERS) * 1_000 }));
    await store.save(aor, { callId: "c", cseq: 1, everything: false, put, drop: [], maxContacts: 10, maxFlows: 10 });
  }
  let lookups = 0;
  const counted: LocationStore = new Proxy(store, {
    get: (target, name) => {
      if (name === "lookup") lookups += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const seen: number[] = [];
  let from = "";
  for (let page = 0; page < 3; page += 1) {
    const answer = await listBindings(counted, { text: "", domain: "", withinSeconds: 0, sort: "expires", most: PAGE, from });
    seen.push(...answer.bindings.map(({ expiresAt }) => expiresAt - now - 600_000));
    from = answer.next;
  }
  // Each second has two bindings.
  expect(seen).toEqual(Array.from({ length: 3 * PAGE }, (_, at) => Math.floor(at / 2) * 1_000));
  expect(lookups).toBeLessThan(USERS / 2);
});
