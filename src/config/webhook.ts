/** A server that gets events as HTTP requests. */
import { expected, type Kind } from "./kind.js";

export interface Webhook {
  readonly url: string;
  /** What may be shown: scheme, host and port. The rest may hold a secret. */
  readonly origin: string;
}

export const webhook: Kind<Webhook> = {
  syntax: "`https://HOST/PATH` or `http://HOST/PATH`",
  parse: (text) => {
    const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : expected("a URL such as https://hooks.example.org/sluice");
    if (url.hash !== "") expected("a URL without a fragment");
    return Object.freeze({ url: url.href, origin: url.origin });
  },
};
