/** The bindings of all addresses of record, a page at a time, from either store. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Best } from "../base/best.js";
import type { Binding } from "../location/binding.js";
import type { LocationStore } from "../location/store.js";

/** What is done at once: about a millisecond of work. */
const TURN = 2_048;
/** What an address costs that is only looked at, and one that is looked up. */
const LOOK = 1;
const LOOKUP = 32;

export interface BindingQuery {
  /** Part of the address of record, in lower case; "": any. */
  readonly text: string;
  /** "": any. */
  readonly domain: string;
  /** Only what expires within so many seconds; 0: all. */
  readonly withinSeconds: number;
  /** In no particular order, or by expiry. */
  readonly sort: "none" | "expires";
  readonly most: number;
  /** The `next` of an earlier result; "": from the start. */
  readonly from: string;
}

export interface BindingRow extends Binding {
  readonly expiresInSeconds: number;
}

export interface BindingPage {
  readonly bindings: readonly BindingRow[];
  /** "": the end. */
  readonly next: string;
}

/** What identifies a binding that is a flow, or that has an instance at least. */
export interface Registration {
  /** "": none. */
  readonly instance: string;
  /** 0: none. */
  readonly regId: number;
}

/** Addresses that are looked up at once. */
const TOGETHER = TURN / LOOKUP;

/** Of each address; undefined: it cannot be looked up. A Redis is asked about many at once. */
export async function registrations(store: Pick<LocationStore, "lookup">, aors: readonly string[]): Promise<readonly (readonly Registration[] | undefined)[]> {
  const found: (readonly Registration[] | undefined)[] = [];
  for (let at = 0; at < aors.length; at += TOGETHER) {
    if (at > 0) await nextTurn();
    for (const one of await Promise.allSettled(aors.slice(at, at + TOGETHER).map((aor) => store.lookup(aor))))
      found.push(one.status === "rejected" ? undefined : one.value.map(({ instance = "", regId = 0 }) => ({ instance, regId })));
  }
  return found;
}

export async function listBindings(store: LocationStore, query: BindingQuery): Promise<BindingPage> {
  return query.sort === "expires" ? byExpiry(store, query) : inNoOrder(store, query);
}

/** `from` is the store's position and the last address of record listed from there. */
async function inNoOrder(store: LocationStore, query: BindingQuery): Promise<BindingPage> {
  const found: BindingRow[] = [];
  const mark = query.from.indexOf("|");
  let place = mark < 0 ? query.from : query.from.slice(0, mark);
  let after = mark < 0 ? "" : query.from.slice(mark + 1);
  const pause = new Pause();
  do {
    const { aors, next } = await store.addresses(place);
    for (const aor of [...new Set(aors)].filter((one) => one > after && meets(one, query)).sort()) {
      found.push(...(await living(store, aor, query)));
      if (found.length >= query.most) return { bindings: found, next: `${place}|${aor}` };
      await pause.after(LOOKUP);
    }
    place = next;
    after = "";
    await pause.after((aors.length + 1) * LOOK);
  } while (place !== "");
  return { bindings: found, next: "" };
}

/** `from` is the expiry of the last one listed, and which one it is. */
async function byExpiry(store: LocationStore, query: BindingQuery): Promise<BindingPage> {
  const mark = query.from.indexOf("|");
  const last = { expiresAt: mark < 0 ? 0 : Number(query.from.slice(0, mark)), name: query.from.slice(mark + 1) };
  const nameOf = ({ aor, key }: Binding): string => `${aor} ${key}`;
  const best = new Best<BindingRow>(query.most, (one, other) => one.expiresAt - other.expiresAt || (nameOf(one) < nameOf(other) ? -1 : Number(nameOf(one) > nameOf(other))));
  // Of most addresses nothing can be among the best, and then they are not looked up.
  const canBeWanted = (first: number, rest: number): boolean => rest >= last.expiresAt && (best.bar === undefined || first <= best.bar.expiresAt);
  const pause = new Pause();
  for (let place = "", begun = false; !begun || place !== ""; begun = true) {
    const { aors, next, expiries } = await store.addresses(place);
    for (const [at, aor] of aors.entries()) {
      if (!canBeWanted(expiries?.[2 * at] ?? 0, expiries?.[2 * at + 1] ?? Infinity) || !meets(aor, query)) continue;
      for (const row of await living(store, aor, query)) {
        const isNew = row.expiresAt > last.expiresAt || (row.expiresAt === last.expiresAt && nameOf(row) > last.name);
        // Redis may return an address twice.
        if (isNew && !best.list.some((one) => one.expiresAt === row.expiresAt && nameOf(one) === nameOf(row))) best.add(row);
      }
      await pause.after(LOOKUP);
    }
    place = next;
    await pause.after((aors.length + 1) * LOOK);
  }
  const { bar } = best;
  return { bindings: best.list, next: bar === undefined ? "" : `${bar.expiresAt}|${nameOf(bar)}` };
}

function meets(aor: string, { text, domain }: BindingQuery): boolean {
  const word = aor.toLowerCase();
  return (text === "" || word.includes(text)) && (domain === "" || word.slice(word.indexOf("@") + 1) === domain);
}

async function living(store: LocationStore, aor: string, { withinSeconds }: BindingQuery): Promise<readonly BindingRow[]> {
  const rows = (await store.lookup(aor)).map((one) => ({ ...one, expiresInSeconds: Math.round((one.expiresAt - store.now()) / 1_000) }));
  return withinSeconds === 0 ? rows : rows.filter(({ expiresInSeconds }) => expiresInSeconds <= withinSeconds);
}

/** Lets messages through now and then. By work, not by time: on a machine that is busy elsewhere time passes without any, and every pause may last. */
class Pause {
  #spent = 0;

  async after(work: number): Promise<void> {
    this.#spent += work;
    if (this.#spent < TURN) return;
    this.#spent = 0;
    await nextTurn();
  }
}
