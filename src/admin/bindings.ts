/** The location service as the operator sees it: looking up the bindings of an AOR and removing them. */
import type { Config } from "../config/config.js";
import { addressOfRecord } from "../registrar/address-of-record.js";
import type { ShardPool } from "../shard/pool.js";
import { domainsOf } from "../shard/served.js";
import { Domains } from "../sip/domains.js";
import { ControlRefusal } from "./control-refusal.js";
import type { BindingsView } from "./running.js";

/** Any shard can answer: they share the store. */
export function bindingsOf(pool: ShardPool, config: () => Config): BindingsView {
  const keyOf = (text: string): string => aorOf(text, new Domains(domainsOf(config())));
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

/** An alias stands for the domain that it is another name of. */
function aorOf(text: string, domains: Domains): string {
  const key = addressOfRecord(/^sips?:/i.test(text) ? text : `sip:${text}`, domains);
  if (key === undefined) throw new ControlRefusal(400, "bindings are looked up by a whole address of record: sip:alice@example.com");
  return key;
}
