/** A server that accepts datagrams: `udp://HOST:PORT`. */
import { type HostPort, splitHostPort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

export const udpTarget: Kind<HostPort> = {
  syntax: "`udp://HOST:PORT`",
  parse: (text) => {
    const place = splitHostPort(/^udp:\/\/([^/]*)\/?$/i.exec(text)?.[1] ?? "");
    if (!place?.port) return expected("udp://HOST:PORT, an IPv6 address in brackets");
    return Object.freeze({ host: place.host.name, port: place.port });
  },
};
