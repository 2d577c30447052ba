/** The location service as the operator sees it: looking up the bindings of an AOR and removing them. */
import type { Config } from "../config/config.js";
import { addressOfRecord } from "../registrar/address-of-record.js";
import type { ShardPool } from "../shard/pool.js";
import { domainsOf } from "../shard/served.js";
import { Domains } from "../sip/domains.js";
import { ControlRefusal } from "./control-refusal.js";
import type { BindingRow } from "../shard/list-bindings.js";
import type { BindingView, BindingsView } from "./running.js";

/** Any shard can answer: they share the store. */
export function bindingsOf(pool: ShardPool, config: () => Config): BindingsView {
  const keyOf = (text: string): string => aorOf(text, new Domains(domainsOf(config())));
  return {
    list: async ({ word, domain, withinSeconds, sort, limit, from }) => {
      if (sort !== "" && sort !== "expires") throw new ControlRefusal(400, "sort must be expires, or left out");
      // A whole one is looked up, whichever name of its domain it has.
      if (isWhole(word)) return { bindings: (await pool.inquiries.askAny({ kind: "bindings", aor: keyOf(word) })).slice(0, limit).map(viewOf), next: "" };
      const query = { text: word.toLowerCase(), domain: domain.toLowerCase(), withinSeconds, sort: sort === "" ? "none" : "expires", most: limit, from } as const;
      const { bindings, next } = await pool.inquiries.askAny({ kind: "list-bindings", query });
      return { bindings: bindings.map(viewOf), next };
    },
    registrations: async (texts) => {
      const domains = new Domains(domainsOf(config()));
      const named = texts.flatMap((text) => {
        const key = keyIn(text, domains);
        return key === undefined ? [] : [[text, key] as const];
      });
      if (named.length === 0) return new Map();
      const found = await pool.inquiries.askAny({ kind: "registrations", aors: named.map(([, key]) => key) });
      return new Map(named.flatMap(([text], at) => {
        const those = found[at];
        return those === undefined ? [] : [[text, those] as const];
      }));
    },
    remove: (aor) => pool.inquiries.askAny({ kind: "unbind", aor: keyOf(aor) }),
  };
}

function viewOf({ aor, contactUri, instance, regId, userAgent, expiresInSeconds, updatedAt, path }: BindingRow): BindingView {
  return { aor, contact: contactUri, instance: instance ?? "", regId: regId ?? 0, userAgent: userAgent ?? "", expiresInSeconds, updatedAt, path };
}

function isWhole(word: string): boolean {
  return /^(?:sips?:)?[^@\s]+@[^@\s]+$/i.test(word);
}

/** An alias stands for the domain that it is another name of. */
function keyIn(text: string, domains: Domains): string | undefined {
  return addressOfRecord(/^sips?:/i.test(text) ? text : `sip:${text}`, domains);
}

function aorOf(text: string, domains: Domains): string {
  const key = keyIn(text, domains);
  if (key === undefined) throw new ControlRefusal(400, "bindings are looked up by a whole address of record: sip:alice@example.com");
  return key;
}
