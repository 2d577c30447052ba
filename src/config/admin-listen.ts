/** Where the admin plane listens: an address and a port, or nowhere. */
import { type HostPort, splitHostPort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

export const adminListen: Kind<HostPort | "off"> = {
  syntax: "`ADDRESS:PORT` or `off`",
  parse: (text) => {
    if (text.toLowerCase() === "off") return "off";
    const place = splitHostPort(text);
    if (place?.port === undefined || place.host.family === undefined) {
      return expected("ADDRESS:PORT with a literal address, IPv6 in brackets, or off");
    }
    return Object.freeze({ host: place.host.name, port: place.port });
  },
};

/** Whether only this machine can reach it. */
export function isLoopback({ host }: HostPort): boolean {
  return host.startsWith("127.") || host === "::1";
}
