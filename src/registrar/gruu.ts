/** Globally routable user agent URIs (RFC 5627): public ones show the instance, temporary ones hide it and expire. */
import { createDecipheriv, hash, hkdfSync } from "node:crypto";
import type { Binding } from "../location/binding.js";
import { findParameter } from "../sip/parameters.js";
import type { Domains } from "../sip/domains.js";
import { parseUri } from "../sip/uri.js";
import type { GruuWriter } from "../native/binding.js";
import { binding as addon } from "../native/load.js";
import { addressOfRecord } from "./address-of-record.js";
import { normalUrn } from "./instance.js";

/** Whom a request is for, as C++ wants to know it. */
export interface Callee {
  /** Empty: nobody of ours. */
  readonly aor: string;
  /** The device that a GRUU names; empty: all of them. */
  readonly instance: string;
  /** Of a temporary GRUU: what `lifeOf` says of a binding of that device; else empty. */
  readonly life: string;
}

/**
 * Where a Request-URI leads: `aor` to look up in the store; `pick` selects the bindings, all of them if the URI is
 * not a GRUU. If none is left, a temporary GRUU gets 404, a public one 480 (RFC 5627 5.3).
 */
export interface Destination extends Callee {
  readonly kind: "aor" | "public-gruu" | "temporary-gruu";
  pick(bindings: readonly Binding[]): readonly Binding[];
}

const PREFIX = "tgruu.";
const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const LIFE_OCTETS = 8;
const CIPHER = "aes-256-gcm";

export class Gruus {
  /** Encrypts temporary ones, here and in C++. */
  readonly key: Buffer;
  readonly #writer: GruuWriter;

  /** `secret`: the same on every registrar of a cluster, and after a restart. */
  constructor(secret: Uint8Array) {
    this.key = Buffer.from(hkdfSync("sha256", secret, "", "temporary gruu", 32));
    this.#writer = new addon.Gruus(this.key);
  }

  /** Both GRUUs of a binding as parameters of its Contact; two temporary ones have nothing in common (RFC 5627 5.1). */
  parametersOf({ aor, key, callId, instance }: Pick<Binding, "aor" | "key" | "callId"> & { readonly instance: string }): string {
    return this.#writer.write(aor, key, callId, instance) ?? "";
  }

  /** Undefined, answered 404: not a SIP URI with a user, a `gr` that is not a URN, or a temporary GRUU that was never ours. */
  resolve(uri: string, domains?: Domains): Destination | undefined {
    const parsed = parseUri(uri);
    const aor = parsed === undefined ? undefined : addressOfRecord(parsed, domains);
    if (parsed === undefined || aor === undefined) return undefined;
    const gr = findParameter(parsed.parameters, "gr");
    if (gr === undefined) return { aor, kind: "aor", instance: "", life: "", pick: (bindings) => bindings };
    if (gr.value === undefined) return this.#open(parsed.user ?? "");
    const instance = normalUrn(gr.value.replace(/%[0-9a-f]{2}/gi, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16))));
    return instance === undefined ? undefined : { aor, kind: "public-gruu", instance, life: "", pick: (bindings) => ofInstance(bindings, instance) };
  }

  #open(user: string): Destination | undefined {
    const sealed = Buffer.from(user.startsWith(PREFIX) ? user.slice(PREFIX.length) : "", "base64url");
    if (sealed.length < IV_OCTETS + LIFE_OCTETS + TAG_OCTETS) return undefined;
    const decipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, IV_OCTETS));
    decipher.setAuthTag(sealed.subarray(-TAG_OCTETS));
    let clear: Buffer;
    try {
      clear = Buffer.concat([decipher.update(sealed.subarray(IV_OCTETS, -TAG_OCTETS)), decipher.final()]);
    } catch {
      return undefined;
    }
    const life = clear.toString("latin1", 0, LIFE_OCTETS);
    const [aor = "", instance = ""] = clear.toString("latin1", LIFE_OCTETS).split("\n");
    const pick = (bindings: readonly Binding[]): readonly Binding[] => {
      const found = ofInstance(bindings, instance);
      // Valid for as long as the binding keeps its Call-ID (RFC 5627 5.1).
      return found.some((binding) => lifeOf(binding) === life) ? found : [];
    };
    return { aor, kind: "temporary-gruu", instance, life, pick };
  }
}

/** What a temporary GRUU depends on, one octet per character. It needs no key of its own: it is encrypted with the rest. */
function lifeOf({ key, callId }: Binding): string {
  return hash("sha256", `${key}\n${callId}`, "binary").slice(0, LIFE_OCTETS);
}

function ofInstance(bindings: readonly Binding[], instance: string): readonly Binding[] {
  return bindings.filter((binding) => binding.instance === instance);
}
