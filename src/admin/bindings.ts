/** The location service as the operator sees it: what an AOR is bound to, and taking that away. */
import { addressOfRecord } from "../registrar/address-of-record.js";
import type { ShardPool } from "../shard/pool.js";
import { Refusal } from "./refusal.js";
import type { BindingsView } from "./running.js";

/** Any shard can answer: they share the store. */
export function bindingsOf(pool: ShardPool): BindingsView {
  return {
    find: async (query, limit) => {
      const rows = await pool.askAny({ kind: "bindings", aor: keyOf(query) });
      return rows.slice(0, limit).map(({ aor, contactUri, instance, regId, expiresInSeconds, path }) => ({
        aor,
        contact: contactUri,
        instance: instance ?? "",
        regId: regId ?? 0,
        expiresInSeconds,
        path,
      }));
    },
    remove: (aor) => pool.askAny({ kind: "unbind", aor: keyOf(aor) }),
  };
}

function keyOf(text: string): string {
  const key = addressOfRecord(/^sips?:/i.test(text) ? text : `sip:${text}`);
  if (key === undefined) throw new Refusal(400, "bindings are looked up by a whole address of record: sip:alice@example.com");
  return key;
}
