/** `sluice top`: rates and flows, live in the terminal. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Status } from "../admin/status.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { colour, octets, print, span } from "./output.js";

const CLEAR = "\x1b[H\x1b[2J";
const WIDTH = 40;

export const top: Command = {
  name: "top",
  summary: "rates and flows, live in the terminal",
  usage: "",
  help: `
  --times N          stop after this many rounds
  --every N          seconds between rounds (1)${COMMON_HELP}

With --json each round is one line with the rates per second.

  sluice top
  sluice top --json --times 10`,
  run: async (args) => {
    const { values } = readOptions(args, { times: { type: "string" }, every: { type: "string" } });
    const plane = adminPlaneOf(values.admin);
    const every = Math.max(wholeNumber("every", values.every, 1), 1);
    const times = wholeNumber("times", values.times, Infinity);
    let before = await ask<Status>(plane, "GET", "/api/status");
    for (let round = 0; round < times; round += 1) {
      await sleep(every * 1_000);
      const now = await ask<Status>(plane, "GET", "/api/status");
      const seconds = Math.max(now.at - before.at, 1) / 1_000;
      const rates = Object.fromEntries(Object.entries(now.counters).map(([name, value]) => [name, (value - (before.counters[name] ?? 0)) / seconds]));
      if (values.json) print(JSON.stringify({ at: new Date().toISOString(), flows: now.flows, rates }));
      else print((process.stdout.isTTY ? CLEAR : "") + page(now, rates));
      before = now;
    }
    return Exit.ok;
  },
};

function page(now: Status, rates: Readonly<Record<string, number>>): string {
  const { flows } = now;
  const rate = (name: string): number => rates[name] ?? 0;
  const row = (title: string, value: number, of: number): string => `${title.padEnd(22)}${value.toFixed(0).padStart(9)}  ${bar(value, of)}`;
  const most = Math.max(rate("requestsIn"), rate("responsesIn"), 1);
  const failures = rate("responses4xx") + rate("responses5xx") + rate("responses6xx");
  return [
    colour("bold", `sluice ${now.version} ${now.mode}, ${now.state} for ${span(now.uptimeSeconds * 1_000)}, ${now.shards.running} shards, ${octets(now.memoryBytes)}, loop ${now.loopDelayMs} ms`),
    "",
    row("connections", flows.stream, flows.limit),
    row("UDP flows", flows.udp, flows.limit),
    row("pending requests", now.pending, Math.max(now.pending, 1_000)),
    "",
    row("requests/s", rate("requestsIn"), most),
    row("responses/s", rate("responsesIn"), most),
    row("REGISTER/s", rate("registersIn"), most),
    row("2xx sent/s", rate("responses2xx"), most),
    row("4xx-6xx sent/s", failures, most),
    row("403/s", rate("replies403"), most),
    row("430/s", rate("replies430"), most),
    row("keep-alives/s", rate("pings") + rate("stun") + rate("datagramKeepalives"), Math.max(rate("pings") + rate("stun"), most)),
    "",
    `${octets(rate("bytesIn"))}/s in, ${octets(rate("bytesOut"))}/s out, ${rate("flowsOpened").toFixed(0)} flows/s opened, ${(rate("flowsClosed") + rate("flowsExpired")).toFixed(0)} ended`,
    `dropped/s: ${rate("malformed")} malformed, ${rate("notSip")} no SIP, ${rate("tokensForged")} forged, ${rate("sendDropped")} unsent, ${rate("banned")} banned`,
  ].join("\n");
}

function bar(value: number, of: number): string {
  const filled = Math.round(Math.min(value / (of || 1), 1) * WIDTH);
  return colour("cyan", "█".repeat(filled)) + colour("dim", "·".repeat(WIDTH - filled));
}
