/** The Contacts of a REGISTER (RFC 3261 10.3 steps 6 and 7, RFC 5626 6). */
import { joinHeaderLists } from "../sip/header-list.js";
import type { SipMessage } from "../sip/message.js";
import { parseNameAddr } from "../sip/name-addr.js";
import { type Parameter, contradict, findParameter } from "../sip/parameters.js";
import { type SipUri, parseUri } from "../sip/uri.js";
import { readExpires } from "./expiry.js";
import { instanceUrn } from "./instance.js";
import { refuse } from "./register-refusal.js";

export interface Contact {
  readonly uri: SipUri;
  /** As received, without angle brackets. */
  readonly uriText: string;
  /** Echoed as received, each with its semicolon; without `expires` and the GRUUs, which the registrar sets (RFC 5627 5.1). */
  readonly parameters: string;
  /** Seconds asked for; 0 removes. */
  readonly expires: number;
  /** Thousandths. */
  readonly q: number;
  readonly instance: string | undefined;
  readonly regId: number | undefined;
}

const MAX_CONTACTS = 100;
/** Octets of one Contact. All of them are in every answer to a REGISTER (RFC 3261 10.3 step 8). */
const MAX_CONTACT = 1_024;
const MAX_REG_ID = 2 ** 31 - 1;
const OURS = new Set(["expires", "pub-gruu", "temp-gruu"]);

/** `everything`: the only Contact is `*`. Refuses the whole REGISTER with 400 if anything is malformed. */
export function readContacts(request: SipMessage, defaultExpires: number): { readonly everything: boolean; readonly contacts: readonly Contact[] } {
  const values = joinHeaderLists(request.headers("contact")) ?? refuse(400, "Bad Contact");
  if (values.length > MAX_CONTACTS) refuse(400, "Too Many Contacts");
  const expires = readExpires(request.header("expires"));
  if (values.includes("*")) {
    if (values.length > 1 || expires !== 0) refuse(400, "Contact * Needs Expires 0 And Nothing Else");
    return { everything: true, contacts: [] };
  }
  return { everything: false, contacts: values.map((value) => readContact(value, expires ?? defaultExpires)) };
}

function readContact(value: string, otherwise: number): Contact {
  if (value.length > MAX_CONTACT) refuse(400, "Contact Too Long");
  const address = parseNameAddr(value) ?? refuse(400, "Bad Contact");
  const uri = parseUri(address.uri) ?? refuse(400, "Bad Contact URI");
  if (contradict(address.parameters)) refuse(400, "Contact Says Something Twice");
  const valueOf = (name: string): string | undefined => findParameter(address.parameters, name)?.value;
  return {
    uri,
    uriText: address.uri,
    parameters: echo(address.parameters),
    expires: readExpires(findParameter(address.parameters, "expires") && (valueOf("expires") ?? "")) ?? otherwise,
    q: readPreference(valueOf("q")),
    instance: instanceUrn(valueOf("+sip.instance")),
    regId: readRegId(findParameter(address.parameters, "reg-id")),
  };
}

function echo(parameters: readonly Parameter[]): string {
  return parameters
    .filter(({ name }) => !OURS.has(name))
    .map(({ text }) => `;${text}`)
    .join("");
}

/** RFC 5626 10: a number from 1 to 2^31 - 1. */
function readRegId(parameter: Parameter | undefined): number | undefined {
  if (parameter === undefined) return undefined;
  const number = /^\d+$/.test(parameter.value ?? "") ? Number(parameter.value) : 0;
  return number >= 1 && number <= MAX_REG_ID ? number : refuse(400, "Bad reg-id");
}

/** RFC 3261 25.1, qvalue; an invalid one counts as absent. */
function readPreference(value: string | undefined): number {
  return value !== undefined && /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(value) ? Math.round(Number(value) * 1_000) : 1_000;
}
