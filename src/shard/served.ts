/** The domains whose users are kept here, and the names of this server. */
import { networkInterfaces } from "node:os";
import type { Config } from "../config/config.js";
import type { Domain } from "../config/domain.js";
import { isWildcard } from "../config/listener.js";

type Places = Pick<Config, "mode" | "domains" | "names" | "listen" | "coreListen">;

/** Empty on an edge. */
export function domainsOf({ mode, domains, names, listen }: Places): readonly Domain[] {
  if (mode === "edge") return [];
  if (domains.length > 0) return domains;
  const all = ["localhost", ...names, ...listen.flatMap(({ host, advertise }) => [advertise?.host ?? host, host])];
  return [...new Set(all)].map((name) => ({ name }));
}

/** Names and addresses that a REGISTER may be sent to although they are not domains, because phones use them for their registrar (RFC 3261 10.2). */
export function ownHostsOf({ names, listen, coreListen = [] }: Places): readonly string[] {
  const bound = [...listen, ...coreListen];
  const advertised = bound.flatMap(({ advertise }) => (advertise ? [advertise.host] : []));
  const any = bound.some(({ host }) => isWildcard(host));
  const local = any ? Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address)) : [];
  return [...new Set([...names, ...bound.map(({ host }) => host), ...advertised, ...local])];
}
