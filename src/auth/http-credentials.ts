/**
 * Users from an external HTTP server: POST of `{"user", "realm"}`, answered 200 with `{"MD5": HA1, "SHA-256": HA1}`, one of them
 * at least, or 404. An answer is cached for its `Cache-Control: max-age`, less its age, and not at all without one (RFC 9111 4.2, 5.2.2.1).
 */
import { isUtf8 } from "node:buffer";
import { CredentialsUnavailable, type CredentialStore, type FoundUser, type Ha1s } from "./credential-store.js";
import { HEX_DIGITS } from "./digest.js";

const TIMEOUT_MS = 2_000;
const MAX_AT_ONCE = 256;
const MAX_KEPT = 10_000;
const MAX_KEPT_SECONDS = 3_600;
const MAX_OCTETS = 4_096;

interface Answer {
  readonly ha1s: Ha1s | undefined;
  /** On the clock of performance.now(). */
  readonly until: number;
}

export class HttpCredentials implements CredentialStore {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #kept = new Map<string, Answer>();
  /** Queries in flight; the same query waits for the same answer. */
  readonly #asking = new Map<string, Promise<Answer>>();

  constructor(url: string, timeoutMs = TIMEOUT_MS) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
  }

  async find(user: string, realm: string): Promise<FoundUser | undefined> {
    // JSON cannot name him: U+FFFD in the place of what is not UTF-8 may be somebody else.
    if (!isUtf8(Buffer.from(user + realm, "latin1"))) return undefined;
    const { ha1s, until } = await this.#answer(JSON.stringify({ user: utf8(user), realm: utf8(realm) }));
    return ha1s && { ha1s, keepMs: Math.max(0, until - performance.now()) };
  }

  /** What is known of each user has its own end. */
  revision(): number {
    return 0;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #answer(question: string): Answer | Promise<Answer> {
    const kept = this.#kept.get(question);
    if (kept !== undefined && kept.until > performance.now()) return kept;
    const asking = this.#asking.get(question);
    if (asking !== undefined) return asking;
    if (this.#asking.size >= MAX_AT_ONCE) throw new CredentialsUnavailable("too many questions to the credential server at once");
    const answer = this.#ask(question).finally(() => this.#asking.delete(question));
    this.#asking.set(question, answer);
    return answer;
  }

  async #ask(question: string): Promise<Answer> {
    // The server may have looked him up at once, and answered late (RFC 9111 4.2.3).
    const asked = performance.now();
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: question,
        redirect: "error",
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      const text = await bodyOf(response);
      if (response.status !== 200 && response.status !== 404) throw new Error(`it answered ${response.status}`);
      const ha1s = response.status === 200 ? readAnswer(text) : undefined;
      const answer = { ha1s, until: asked + freshSeconds(response.headers) * 1_000 };
      this.#keep(question, answer);
      return answer;
    } catch (error) {
      throw new CredentialsUnavailable("the credential server does not answer", { cause: error });
    }
  }

  #keep(question: string, answer: Answer): void {
    this.#kept.delete(question);
    if (answer.until <= performance.now()) return;
    this.#kept.set(question, answer);
    // The oldest goes: a Map keeps the order of insertion.
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value ?? "");
  }
}

/** Reads no more than an answer may hold: the rest is never received. */
async function bodyOf({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > MAX_OCTETS) throw new Error(`it answers more than ${MAX_OCTETS} octets`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function readAnswer(text: string): Ha1s {
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== "object" || answer === null) throw new Error("its answer is not a JSON object");
  const found = Object.entries(HEX_DIGITS).flatMap(([algorithm, digits]) => {
    const ha1: unknown = Object.getOwnPropertyDescriptor(answer, algorithm)?.value;
    return typeof ha1 === "string" && ha1.length === digits && /^[0-9a-f]+$/i.test(ha1) ? [[algorithm, ha1] as const] : [];
  });
  if (found.length === 0) throw new Error("its answer has no HA1");
  return Object.fromEntries(found);
}

function freshSeconds(headers: Headers): number {
  const cacheControl = headers.get("cache-control") ?? "";
  if (/no-store|no-cache/i.test(cacheControl)) return 0;
  // Of several lifetimes the first counts, of several ages as well (RFC 9111 4.2.1, 5.1); "x-max-age" is something else.
  const lifetime = Number(/(?:^|[\s,])max-age=(\d+)/i.exec(cacheControl)?.[1] ?? 0);
  const age = Number(/^\d+/.exec(headers.get("age") ?? "")?.[0] ?? 0);
  return Math.max(0, Math.min(lifetime, MAX_KEPT_SECONDS) - age);
}

function utf8(octets: string): string {
  return Buffer.from(octets, "latin1").toString("utf8");
}
