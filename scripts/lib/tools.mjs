/** The real peers that the interop tests run: which are installed, and the command that installs the missing ones. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, has } from "./run.mjs";

const TOOLS = [
  { name: "kamailio", packages: "kamailio kamailio-outbound-modules", isHere: () => has("kamailio") || existsSync("/usr/sbin/kamailio") },
  { name: "sipp", packages: "sip-tester", isHere: () => has("sipp") },
  { name: "sipsak", packages: "sipsak", isHere: () => has("sipsak") },
  { name: "baresip", packages: "baresip-core", isHere: () => has("baresip") },
  { name: "linphonec", packages: "linphone-cli", isHere: () => has("linphonec") },
  { name: "twinkle-console", packages: "twinkle-console", isHere: () => has("twinkle-console") },
  { name: "redis-server", packages: "redis-server", isHere: () => has("redis-server") },
  { name: "chromium", packages: "chromium", isHere: () => has("chromium") },
  { name: "gnutls-cli", packages: "gnutls-bin", isHere: () => has("gnutls-cli") },
  { name: "haproxy", packages: "haproxy", isHere: () => has("haproxy") || existsSync("/usr/sbin/haproxy") },
];

export function missingTools() {
  return TOOLS.filter((tool) => !tool.isHere());
}

/** Interop tests that cannot run without these: each says so in a line "Needs: kamailio, sipp" of its header comment. */
export function testsThatNeed(missing) {
  const folder = join(ROOT, "test/interop");
  if (missing.length === 0 || !existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".test.ts"));
  return files
    .filter((file) => {
      const needs = /\bNeeds: ([\w, -]+)/.exec(readFileSync(join(folder, file), "utf8"))?.[1]?.split(/[ ,]+/) ?? TOOLS.map(({ name }) => name);
      return missing.some(({ name }) => needs.includes(name));
    })
    .map((file) => `test/interop/${file}`);
}
