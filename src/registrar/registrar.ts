/** The registrar: RFC 3261 10.3 with outbound (RFC 5626 6), Path (RFC 3327 5.3) and GRUU (RFC 5627 5). */
import { claimantOf, clientOf } from "../auth/claimant.js";
import type { Binding } from "../location/binding.js";
import { contactKey, flowKey } from "../location/binding-key.js";
import { type LocationStore, type RegisterOperation, StoreUnavailable } from "../location/store.js";
import { hasOptionTag, joinHeaderLists, optionTags } from "../sip/header-list.js";
import type { SipMessage } from "../sip/message.js";
import { parseNameAddr } from "../sip/name-addr.js";
import { findParameter } from "../sip/parameters.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import { retryAfter } from "../sip/retry-after.js";
import { parseUri, schemeOf } from "../sip/uri.js";
import { addressOfRecord } from "./address-of-record.js";
import { type Contact, readContacts } from "./contacts.js";
import { grantExpires } from "./expiry.js";
import type { Gruus } from "./gruu.js";
import { isOutbound } from "./outbound.js";
import { RegisterRefusal, refuse } from "./register-refusal.js";
import { checkSips } from "./sips.js";
import { registeredResponse } from "./registered.js";
import { type RegistrarOptions, supportedBy } from "./registrar-options.js";
import { PathUse, useOfPath } from "./path-use.js";
import type { RequestSource } from "./request-source.js";
import { wayToContact } from "./way-to-contact.js";

const MAX_CSEQ = 2 ** 32 - 1;
const MAX_CALL_ID = 512;
const MAX_USER_AGENT = 256;
const MAX_PATH_VALUES = 20;

export interface RegistrarNeeds {
  readonly store: LocationStore;
  readonly gruus: Gruus;
  /** Called for failures that are our own fault. */
  readonly report: (error: unknown) => void;
}

export class Registrar {
  readonly #parts: RegistrarNeeds;
  #options: RegistrarOptions;

  constructor(parts: RegistrarNeeds, options: RegistrarOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Applies from the next REGISTER on. */
  configure(options: RegistrarOptions): void {
    this.#options = options;
  }

  get #supported(): readonly string[] {
    return supportedBy(this.#options);
  }

  /**
   * Carries out one REGISTER; never rejects: the response says what went wrong. REGISTERs of one AOR take effect in order of
   * arrival, provided that their credentials are checked in that order.
   */
  async handle(request: SipMessage, from: RequestSource): Promise<ResponseSpec> {
    try {
      this.#checkDomain(request);
      this.#checkRequire(request);
      // It waits even where nobody is asked: REGISTERs that came before it in the batch and are decided by numbers take effect first.
      const checked = await this.#options.authenticator?.check(request, "registrar", claimantOf(request, from.address, from.isEdge));
      return checked?.ok === false ? checked.response : await this.#register(request, from);
    } catch (error) {
      if (error instanceof RegisterRefusal) return error.response;
      this.#parts.report(error);
      if (!(error instanceof StoreUnavailable)) return { status: 500, headers: [] };
      return { status: 503, headers: [retryAfter()] };
    }
  }

  /** Step 1. */
  #checkDomain({ uri: text }: SipMessage): void {
    const uri = parseUri(text);
    if (uri === undefined) return isSip(text) ? refuse(400, "Bad Request-URI") : refuse(416, "Unsupported URI Scheme");
    if (!this.#options.domains.leadsHere(uri)) refuse(403, "Domain Not Served Here");
  }

  /** Step 2. */
  #checkRequire(request: SipMessage): void {
    const unknown = optionTags(request.headers("require")).filter((tag) => tag !== "gruu" && !this.#supported.includes(tag));
    if (unknown.length > 0) refuse(420, "Bad Extension", [["Unsupported", unknown.join(", ")]]);
  }

  /** Steps 5 to 8. */
  async #register(request: SipMessage, from: RequestSource): Promise<ResponseSpec> {
    const aor = this.#addressOfRecord(request);
    const path = this.#path(request, from);
    const { everything, contacts } = readContacts(request, this.#options.defaultExpires);
    checkSips(request, contacts, path, from);
    const outbound = isOutbound(request, contacts, path, from, this.#options);
    const bindings =
      everything || contacts.length > 0
        ? await this.#save(aor, this.#operation(request, from, { aor, path, everything, contacts, outbound }), from)
        : await this.#parts.store.lookup(aor);
    return registeredResponse({
      bindings,
      first: contacts.map((contact) => keyOf(contact, outbound)),
      room: bindings.length > 1 ? (from.answerRoom?.() ?? Infinity) : Infinity,
      now: this.#parts.store.now(),
      path,
      requiresOutbound: outbound && request.supports("outbound"),
      flowTimer: from.firstHop ? this.#options.flowTimer : 0,
      supported: this.#supported,
      gruus: request.supports("gruu") ? this.#parts.gruus : undefined,
    });
  }

  /** Step 5. */
  #addressOfRecord(request: SipMessage): string {
    const address = parseNameAddr(request.header("to") ?? "") ?? refuse(400, "Bad To");
    const uri = parseUri(address.uri) ?? refuse(400, "Bad To URI");
    const { domains } = this.#options;
    if (!domains.serves(uri)) refuse(404, "Not Found");
    return addressOfRecord(uri, domains) ?? refuse(404, "Not Found");
  }

  #path(request: SipMessage, from: RequestSource): readonly string[] {
    const path = joinHeaderLists(request.headers("path")) ?? refuse(400, "Bad Path");
    if (path.length === 0) return path;
    const phoneSupportsIt = request.supports("path") || hasOptionTag(request.headers("require"), "path");
    const use = useOfPath(this.#options.pathMode, from.isEdge, phoneSupportsIt);
    if (use === PathUse.untrusted) refuse(403, "Path From Untrusted Sender");
    const isAddress = (value: string): boolean => parseUri(parseNameAddr(value)?.uri ?? "") !== undefined;
    if (path.length > MAX_PATH_VALUES || !path.every(isAddress)) refuse(400, "Bad Path");
    if (use === PathUse.unsupported) refuse(420, "Bad Extension", [["Unsupported", "path"]]);
    return path;
  }

  /** Steps 6 and 7, as data for the store. */
  #operation(request: SipMessage, from: RequestSource, plan: Plan): RegisterOperation {
    const callId = request.header("call-id") ?? "";
    if (callId === "" || callId.length > MAX_CALL_ID) refuse(400, "Bad Call-ID");
    const cseq = readCSeq(request.header("cseq"));
    const { maxContacts, maxFlows, authenticator } = this.#options;
    const payer = authenticator === undefined ? clientOf(request, from.address, from.isEdge) : undefined;
    const put: Binding[] = [];
    const drop: string[] = [];
    for (const contact of plan.contacts) {
      this.#checkLoop(contact, plan.aor);
      const seconds = grantExpires(contact.expires, this.#options);
      if (seconds === 0) drop.push(keyOf(contact, plan.outbound));
      else put.push(this.#binding(contact, seconds, request, from, { ...plan, callId, cseq }));
    }
    return { callId, cseq, everything: plan.everything, put, drop, maxContacts, maxFlows, ...(payer !== undefined && { payer }) };
  }

  #binding(contact: Contact, seconds: number, request: SipMessage, from: RequestSource, { aor, path, outbound, callId, cseq }: Plan & Sequence): Binding {
    const { uriText, parameters, instance, regId, q } = contact;
    const { node } = this.#parts.store;
    const now = this.#parts.store.now();
    const isFlow = outbound && instance !== undefined && regId !== undefined;
    const way = isFlow ? (from.flow === undefined ? {} : { flow: from.flow }) : wayToContact(contact.uri, request, from);
    const route = way.flow && from.routeTo?.(way.flow);
    const userAgent = request.header("user-agent")?.slice(0, MAX_USER_AGENT);
    return {
      aor,
      key: keyOf(contact, outbound),
      contactUri: uriText,
      contactParams: parameters,
      path: route === undefined ? path : [route],
      q,
      expiresAt: now + seconds * 1_000,
      updatedAt: now,
      callId,
      cseq,
      outbound: isFlow,
      ...(instance !== undefined && { instance }),
      ...(isFlow && { regId }),
      // A device behind an edge is reached by its Path; the flow that carried the REGISTER is the edge's.
      ...way,
      ...(way.flow !== undefined && node !== undefined && { node }),
      ...(userAgent !== undefined && { userAgent }),
    };
  }

  /** A Contact that leads back here would never end (RFC 5627 5.1). */
  #checkLoop({ uri }: Contact, aor: string): void {
    const { domains } = this.#options;
    const isSame = addressOfRecord(uri, domains) === aor;
    const isGruu = findParameter(uri.parameters, "gr") !== undefined && (isSame || !domains.isEmpty);
    const isOurs = domains.serves(uri) && (isGruu || (!domains.isEmpty && uri.port === undefined && isSame));
    if (isOurs) refuse(403, "Contact Leads Back Here");
  }

  async #save(aor: string, operation: RegisterOperation, { onBound, onSourceFull }: RequestSource): Promise<readonly Binding[]> {
    const result = await this.#parts.store.save(aor, operation);
    switch (result.outcome) {
      case "saved":
        onBound?.(operation.put);
        return result.bindings;
      case "out-of-order":
        return refuse(500, "CSeq Out Of Order");
      case "full":
        return refuse(403, "Too Many Contacts");
      case "source-full":
        if (operation.payer !== undefined) onSourceFull?.(operation.payer);
        return refuse(503, "Service Unavailable", [retryAfter()]);
    }
  }
}

interface Plan {
  readonly aor: string;
  readonly path: readonly string[];
  readonly everything: boolean;
  readonly contacts: readonly Contact[];
  readonly outbound: boolean;
}

interface Sequence {
  readonly callId: string;
  readonly cseq: number;
}

function keyOf({ uri, instance, regId }: Contact, outbound: boolean): string {
  return outbound && instance !== undefined && regId !== undefined ? flowKey(instance, regId) : contactKey(uri);
}

function isSip(text: string): boolean {
  const scheme = schemeOf(text);
  return scheme === undefined || scheme === "sip" || scheme === "sips";
}

function readCSeq(value: string | undefined): number {
  const digits = /^(\d{1,10})[ \t]+REGISTER$/.exec(value ?? "")?.[1];
  const number = digits === undefined ? Number.NaN : Number(digits);
  return number <= MAX_CSEQ ? number : refuse(400, "Bad CSeq");
}
