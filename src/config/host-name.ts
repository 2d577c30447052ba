/** Further names and addresses of this edge besides those it listens on. */
import { parseHost } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

export const hostName: Kind<string> = {
  syntax: "a host name or address",
  parse: (text) => parseHost(text)?.name ?? expected("a host name, an IPv4 address or an IPv6 address in brackets"),
};
