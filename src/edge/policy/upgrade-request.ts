/** The opening handshake of a WebSocket as the operator's own policy sees it (RFC 7118 7). */
import type { PolicySource } from "./policy-request.js";

export class UpgradeRequest {
  readonly source: PolicySource;
  /** The request target: path and query. */
  readonly target: string;
  readonly #fields: readonly (readonly [string, string])[];

  /** `head` is well-formed: a request line and header fields, each line with its CRLF. */
  constructor(head: string, source: PolicySource) {
    const [requestLine = "", ...lines] = head.split("\r\n").filter((line) => line !== "");
    this.source = source;
    this.target = requestLine.split(" ")[1] ?? "";
    this.#fields = lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
  }

  /** All values of a header field, in their order; the name in any case. */
  headers(name: string): readonly string[] {
    const wanted = name.toLowerCase();
    return this.#fields.filter(([field]) => field === wanted).map(([, value]) => value);
  }

  get origin(): string | undefined {
    return this.headers("Origin")[0];
  }

  /** The cookies (RFC 6265 5.4) as they were sent; of two with the same name the first. */
  get cookies(): ReadonlyMap<string, string> {
    const cookies = new Map<string, string>();
    for (const pair of this.headers("Cookie").flatMap((value) => value.split(";"))) {
      const equals = pair.indexOf("=");
      const name = pair.slice(0, Math.max(equals, 0)).trim();
      if (name !== "" && !cookies.has(name)) cookies.set(name, pair.slice(equals + 1).trim());
    }
    return cookies;
  }
}
