/** `sluice doctor`: what will go wrong on this machine with this configuration, before it does. */
import { constants, accessSync, existsSync, readFileSync } from "node:fs";
import { promises as dns } from "node:dns";
import { getSystemErrorName } from "node:util";
import { descriptorLimits } from "../base/descriptor-limits.js";
import { messageOf } from "../base/message-of.js";
import type { Config } from "../config/config.js";
import { keyFileOf } from "../config/key-file.js";
import { showHostPort } from "../config/host-port.js";
import { type Transport, showListener, singlePorts } from "../config/listener.js";
import { showUpstream } from "../config/upstream.js";
import { DnsRecords } from "../resolve/dns-records.js";
import type { ResolvedTarget } from "../resolve/resolved-target.js";
import { Upstreams } from "../resolve/upstreams.js";
import type { Check } from "./check.js";
import { send, adminPlaneOf } from "./client.js";
import { type Command, Exit } from "./command.js";
import { readConfiguration } from "./configuration.js";
import type { Place } from "./place.js";
import { readOptions } from "./options.js";
import { colour, print, printJson } from "./output.js";

const MARKS = { ok: colour("green", "✓"), warn: colour("yellow", "!"), fail: colour("red", "✗") } as const;
const SPARE_DESCRIPTORS = 200;
const OCTETS_OF_FLOW = 3_000;
const SOCKET_BUFFER = 4 << 20;

export const doctor: Command = {
  name: "doctor",
  summary: "check ports, limits, keys, clock, upstream, store, users and certificates",
  usage: "",
  help: `
  --json             print one JSON document

It speaks of the server that runs here, unless the shell sets SLUICE_ variables of its own.
Exits with 1 when something will not work, 78 when the configuration is invalid.

  sluice doctor`,
  run: async (args) => {
    const { values } = readOptions(args, {});
    const { place, config, faults, warnings } = readConfiguration();
    const checks: Check[] = [
      ...(place === undefined ? [] : [{ name: "configuration", result: "ok", detail: place.says } as const]),
      ...faults.map((detail): Check => ({ name: "configuration", result: "fail", detail })),
      ...warnings.map((detail): Check => ({ name: "configuration", result: "warn", detail })),
    ];
    if (config !== undefined) checks.push(...(await examine(config, place)));
    if (values.json) printJson({ checks });
    else for (const { name, result, detail } of checks) print(`${MARKS[result]} ${name.padEnd(14)} ${detail}`);
    if (config === undefined) return Exit.badConfig;
    return checks.some(({ result }) => result === "fail") ? Exit.failed : Exit.ok;
  },
};

async function examine(config: Config, place: Place | undefined): Promise<readonly Check[]> {
  const { binding } = await import("../native/load.js");
  const health = await healthOf(place);
  const running = place?.running !== undefined || health !== undefined;
  return [
    { name: "addon", result: "ok", detail: `loaded, Node ${process.versions.node}` },
    { name: "process", result: "ok", detail: running ? `it runs${place?.running === undefined ? "" : `, pid ${place.running.pid}`}: its ports are its own` : "none runs here" },
    ...(health ?? []),
    ...(running ? [] : ports(config, (transport, host, port) => binding.checkListener(transport, host, port))),
    ...descriptors(config),
    ...memory(config),
    ...kernel(),
    ...keys(config),
    ...clock(),
    ...(await upstreams(config)),
    ...(await (await import("./dependencies.js")).dependencies(config)),
  ];
}

/** What the running server reports about itself; undefined: no response. */
async function healthOf(place: Place | undefined): Promise<readonly Check[] | undefined> {
  try {
    const { text } = await send(adminPlaneOf(undefined, place), "GET", "/readyz?verbose");
    return [...text.matchAll(/^\[([+-])\] (.*)$/gm)].map(([, sign, detail = ""]) => ({ name: "health", result: sign === "+" ? "ok" : "fail", detail }));
  } catch {
    return undefined;
  }
}

function ports(config: Config, check: (transport: Transport, host: string, port: number) => number): readonly Check[] {
  return [...config.listen, ...(config.coreListen ?? [])].flatMap(singlePorts).map((listener): Check => {
    const port = check(listener.transport, listener.host, listener.port);
    const detail = showListener(listener);
    return port < 0 ? { name: "port", result: "fail", detail: `${detail}: ${getSystemErrorName(port)}` } : { name: "port", result: "ok", detail: `${detail} is free` };
  });
}

function descriptors({ maxFlows }: Config): readonly Check[] {
  const { hard: limit } = descriptorLimits();
  const enough = maxFlows + SPARE_DESCRIPTORS <= limit;
  return [{ name: "descriptors", result: enough ? "ok" : "warn", detail: `${limit} may be open, SLUICE_MAX_FLOWS is ${maxFlows}${enough ? "" : ": raise LimitNOFILE (ulimit -n)"}` }];
}

function memory({ maxFlows }: Config): readonly Check[] {
  const total = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) * 1_024;
  const wanted = maxFlows * OCTETS_OF_FLOW;
  const enough = wanted < total / 2;
  return [{ name: "memory", result: enough ? "ok" : "warn", detail: `${Math.round(total / 1e6)} MB; ${maxFlows} flows need about ${Math.round(wanted / 1e6)} MB with the kernel's part` }];
}

function kernel(): readonly Check[] {
  const read = (name: string): number => Number(existsSync(`/proc/sys/${name}`) ? readFileSync(`/proc/sys/${name}`, "utf8") : Number.NaN);
  const [buffer, backlog] = [read("net/core/rmem_max"), read("net/core/somaxconn")];
  return [
    ...(Number.isNaN(buffer) ? [] : [{ name: "UDP buffer", result: buffer >= SOCKET_BUFFER ? "ok" : "warn", detail: `net.core.rmem_max is ${buffer}${buffer >= SOCKET_BUFFER ? "" : `: a burst of datagrams is lost above that, unless the process has CAP_NET_ADMIN; ${SOCKET_BUFFER} is wanted`}` } as const]),
    ...(Number.isNaN(backlog) ? [] : [{ name: "backlog", result: backlog >= 4_096 ? "ok" : "warn", detail: `net.core.somaxconn is ${backlog}${backlog >= 4_096 ? "" : ": after a restart all clients connect at once; 4096 is wanted"}` } as const]),
  ];
}

function keys({ stateDir, flowKeys }: Config): readonly Check[] {
  if (flowKeys.length > 0) return [{ name: "flow keys", result: "ok", detail: `${flowKeys.length}, key ${flowKeys[0]?.id ?? 0} signs` }];
  try {
    accessSync(existsSync(stateDir) ? stateDir : ".", constants.W_OK);
    return [{ name: "flow keys", result: "ok", detail: `${keyFileOf(stateDir)} will be made at the first start` }];
  } catch {
    return [{ name: "flow keys", result: "fail", detail: `${stateDir} cannot be written to, and SLUICE_FLOW_KEYS is not set` }];
  }
}

/** Tokens carry their age, registrations their end, captures their time: a wrong clock shows in all of them. */
function clock(): readonly Check[] {
  if (Date.now() < Date.parse("2024-01-01")) return [{ name: "clock", result: "fail", detail: `the clock says ${new Date().toISOString()}` }];
  const synchronized = existsSync("/run/systemd/timesync/synchronized") || existsSync("/run/chrony") || existsSync("/var/lib/ntpsec");
  return [{ name: "clock", result: synchronized ? "ok" : "warn", detail: `${new Date().toISOString()}, ${synchronized ? "synchronized" : "no time service seen (systemd-timesyncd, chrony, ntpsec)"}` }];
}

async function upstreams({ upstream }: Config): Promise<readonly Check[]> {
  const failed: Check[] = [];
  const found = new Upstreams(upstream, new DnsRecords(new dns.Resolver()), {
    onChange: () => undefined,
    onFailure: (uri, error) => failed.push({ name: "upstream", result: "fail", detail: `${showUpstream(uri)}: ${error.message}` }),
  });
  await found.refresh();
  found.close();
  return [...failed, ...(await Promise.all(found.targets.map(answers)))];
}

async function answers({ transport, address, port }: ResolvedTarget): Promise<Check> {
  const place = `${transport}:${showHostPort(address, port)}`;
  const { Phone } = await import("../phone/phone.js");
  const phone = new Phone({ user: "doctor", domain: showHostPort(address, undefined), credentials: undefined });
  try {
    const flow = await phone.connect(0, { transport, host: address, port, insecure: true });
    const started = performance.now();
    const answer = await phone.ask(flow, "OPTIONS", `sip:${showHostPort(address, port)}`);
    flow.link.close();
    if (answer) return { name: "upstream", result: "ok", detail: `${place} answers OPTIONS with ${answer.status} in ${Math.round(performance.now() - started)} ms` };
    return { name: "upstream", result: "fail", detail: `${place} does not answer OPTIONS` };
  } catch (error) {
    return { name: "upstream", result: "fail", detail: `${place}: ${messageOf(error)}` };
  }
}
