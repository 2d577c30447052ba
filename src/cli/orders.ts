/** `sluice drain`, `reload`, `keys`, `ban` and `log`: orders to the running process. */
import type { BanView } from "../admin/bans.js";
import type { KeyView } from "../admin/keys.js";
import type { LogLevelView } from "../admin/log-level.js";
import { type DrainView, sayDrain } from "../admin/drain-view.js";
import type { ReloadReport, UpgradeReport } from "../admin/running.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { complain, print, printJson, span, tableText } from "./output.js";

/** The new process has a minute to get ready. */
const UPGRADE_MS = 90_000;

export const drain: Command = {
  name: "drain",
  summary: "stop taking requests, move flows out slowly, exit; or pause, or stay after all",
  usage: "",
  help: `
  --pause            close no more connections for now; new requests still get 503. \`sluice drain\` goes on
  --stop             call it off: take requests and connections again${COMMON_HELP}

The same as SIGTERM: new requests get 503, pending ones may finish within SLUICE_DRAIN_SECONDS, then SLUICE_DRAIN_RATE
connections a second are closed, those that have been silent for longest first, then the process exits.
A drain that a signal began cannot be called off.

  sluice drain
  sluice drain --pause
  sluice drain --stop`,
  run: async (args) => {
    const { values } = readOptions(args, { pause: { type: "boolean" }, stop: { type: "boolean" } });
    if (values.pause && values.stop) throw new CommandError(Exit.usage, "--pause or --stop, not both");
    const action = values.stop ? "stop" : values.pause ? "pause" : "start";
    const answer = await ask<{ readonly drain: DrainView | null }>(adminPlaneOf(values.admin), "POST", "/api/drain", { action });
    if (values.json) printJson(answer);
    else if (action === "stop") print("it stays: requests and connections are taken again");
    else print(answer.drain === null ? "draining; `sluice status` shows how far it is" : sayDrain(answer.drain));
    return Exit.ok;
  },
};

export const upgrade: Command = {
  name: "upgrade",
  summary: "let a new process, of the version installed now, take over without losing a flow",
  usage: "",
  help: `${COMMON_HELP}

The same as SIGUSR2. The new process is started from the program and the configuration on disk. If anything fails, at whatever step, the
running process goes on as before, this command says why and exits with 1. docs/operate/upgrade.md explains it.

  sluice upgrade`,
  run: async (args) => {
    const { values } = readOptions(args, {});
    const report = await ask<UpgradeReport>(adminPlaneOf(values.admin), "POST", "/api/upgrade", {}, UPGRADE_MS);
    if (values.json) printJson(report);
    else {
      const { pid, version, flows, kept, stoppedMs, seconds } = report;
      print(`process ${pid}, version ${version}, took over ${flows} connections after ${seconds} s; nothing was read for ${stoppedMs} ms`);
      if (kept > 0) print(`${kept} connections cannot move: they are drained`);
    }
    return Exit.ok;
  },
};

export const reload: Command = {
  name: "reload",
  summary: "reload the configuration without losing a flow",
  usage: "",
  help: `${COMMON_HELP}

The same as SIGHUP. Variables come from the file that SLUICE_ENV_FILE names; those set in the environment itself cannot change.
Exits with 78 when the configuration is invalid; nothing has changed then.

  sluice reload`,
  run: async (args) => {
    const { values } = readOptions(args, {});
    const report = await ask<ReloadReport>(adminPlaneOf(values.admin), "POST", "/api/reload", {});
    if (values.json) printJson(report);
    else {
      for (const error of report.errors) complain(error);
      if (report.errors.length === 0) print(report.changed.length > 0 ? `changed: ${report.changed.join(", ")}` : "nothing has changed");
      if (report.needRestart.length > 0) print(`only after a restart: ${report.needRestart.join(", ")}`);
    }
    return report.errors.length > 0 ? Exit.badConfig : Exit.ok;
  },
};

export const keys: Command = {
  name: "keys",
  summary: "flow token keys: list their ids, rotate, drop one",
  usage: "[rotate | drop ID]",
  help: `
  --farm             on all edges of SLUICE_FARM, one step after the other; each needs ;admin=HOST:PORT there${COMMON_HELP}

rotate adds a new key that signs from now on; the others still verify. drop takes one away, and tokens that it signed get 430.
Both work where the keys are in SLUICE_STATE_DIR; keys in SLUICE_FLOW_KEYS are rotated in two rounds: docs/operate/upgrade.md.

  sluice keys
  sluice keys rotate
  sluice keys rotate --farm
  sluice keys drop 3 --farm`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { farm: { type: "boolean" } }, 2);
    const [order, id] = positionals;
    if (order !== undefined && order !== "rotate" && order !== "drop") throw new CommandError(Exit.usage, `keys ${order}: expected rotate, drop or nothing`);
    if ((order === "drop") !== (id !== undefined)) throw new CommandError(Exit.usage, order === "drop" ? "keys drop: expected the id of a key" : `keys ${order} ${id}: expected no more`);
    const plane = adminPlaneOf(values.admin);
    const farm = values.farm === true ? { farm: "1" } : {};
    const answer = await (order === "rotate"
      ? ask<{ keys: KeyView[] }>(plane, "POST", "/api/keys/rotate", farm)
      : order === "drop"
        ? ask<{ keys: KeyView[] }>(plane, "DELETE", `/api/keys/${encodeURIComponent(id ?? "")}`, farm)
        : ask<{ keys: KeyView[] }>(plane, "GET", "/api/keys"));
    if (values.json) printJson(answer);
    else print(tableText(["id", "octets", ""], answer.keys.map(({ id: key, octets, signs }) => [key, octets, signs ? "signs" : "verifies"])));
    return Exit.ok;
  },
};

export const ban: Command = {
  name: "ban",
  summary: "block an address or network for a time, or unblock it",
  usage: "[ADDRESS[/PREFIX]]",
  help: `
  --seconds N        for how long (3600)
  --remove           unblock it${COMMON_HELP}

  sluice ban
  sluice ban 198.51.100.9 --seconds 600
  sluice ban 2001:db8:1:2::/64
  sluice ban --remove 198.51.100.9`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { seconds: { type: "string" }, remove: { type: "boolean" } }, 1);
    const plane = adminPlaneOf(values.admin);
    const [address] = positionals;
    if (address !== undefined) {
      if (values.remove) await ask(plane, "DELETE", `/api/bans/${encodeURIComponent(address)}`);
      else await ask(plane, "POST", "/api/bans", { address, seconds: wholeNumber("seconds", values.seconds, 3_600) });
    }
    const answer = await ask<{ readonly bans: readonly BanView[] }>(plane, "GET", "/api/bans");
    if (values.json) printJson(answer);
    else print(tableText(["address", "for another"], answer.bans.map(({ address: banned, secondsLeft }) => [banned, span(secondsLeft * 1_000)])));
    return Exit.ok;
  },
};

export const log: Command = {
  name: "log",
  summary: "show the log level, or change it for a time",
  usage: "[LEVEL]",
  help: `
  --seconds N        for how long (600)${COMMON_HELP}

  sluice log
  sluice log debug --seconds 120`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { seconds: { type: "string" } }, 1);
    const plane = adminPlaneOf(values.admin);
    const [level] = positionals;
    const view = await (level === undefined
      ? ask<LogLevelView>(plane, "GET", "/api/log")
      : ask<LogLevelView>(plane, "PUT", "/api/log", { level, seconds: wholeNumber("seconds", values.seconds, 600) }));
    if (values.json) printJson(view);
    else print(view.back === undefined ? view.level : `${view.level}, back to ${view.back} in ${span((view.secondsLeft ?? 0) * 1_000)}`);
    return Exit.ok;
  },
};
