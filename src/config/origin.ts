/** Web origins (RFC 6454 6.1) and paths that a WebSocket handshake may name. */
import { expected, type Kind } from "./kind.js";

export const origin: Kind<string> = {
  syntax: "`https://HOST` or `https://HOST:PORT`",
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.origin !== text.toLowerCase()) {
      return expected("an origin such as https://phone.example.org, without a path and without the default port");
    }
    return url.origin;
  },
};

export const urlPath: Kind<string> = {
  syntax: "`/PATH`",
  parse: (text) => (/^\/[\w!$&'()*+.:;=@~%/-]*$/.test(text) ? text : expected("a path that begins with /, without a query")),
};
