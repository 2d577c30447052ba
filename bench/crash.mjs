/**
 * kill -9 in the middle of a flood of REGISTERs, again and again: whatever was answered 200 must be there after the restart. Then the same with
 * a journal whose end is cut off, and with one in which a bit is turned: what comes before the damage must be served, and the log must say so.
 * Exits with 1 if one of these fails.
 * `npm run bench -- crash [--aors 20000] [--times 5] [--after 60000]`
 */
import { closeSync, cpSync, fstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fixed, table } from "./lib/figures.mjs";
import { runHomeLoads, sluiceRegistrar } from "./lib/registrars.mjs";
import { OUT } from "./lib/tools.mjs";

const { values: args } = parseArgs({ options: { aors: { type: "string", default: "20000" }, times: { type: "string", default: "5" }, after: { type: "string", default: "60000" } } });
const AFTER = Number(args.after);
// What a REGISTER asked for tells the check which one a binding is of.
const env = { SLUICE_EXPIRES_JITTER: "0" };
const log = join(OUT, "acknowledged");
const rows = [];
const faults = [];

mkdirSync(OUT, { recursive: true });
for (let time = 0; time < Number(args.times); time += 1) {
  const folder = mkdtempSync(join(OUT, "crash-"));
  const damaged = mkdtempSync(join(OUT, "crash-"));
  try {
    const load = await floodAndKill(folder, AFTER + Math.round((time * AFTER) / 7));
    cpSync(folder, damaged, { recursive: true });
    rows.push(["kill -9", ...(await checked(folder, load, 0))]);
    const damage = time % 2 === 0 ? cutOff : turnBit;
    const octets = damage(damaged);
    // Each REGISTER is at least a hundred octets of the journal.
    rows.push([damage === cutOff ? `${octets} octets cut off` : `a bit turned ${octets} octets before the end`, ...(await checked(damaged, load, Math.ceil(octets / 100) + 1))]);
  } finally {
    for (const one of [folder, damaged]) rmSync(one, { recursive: true, force: true });
  }
}
console.log(table(["what happened", "REGISTER/s", "answered 200", "missing", "start ms", "the log"], rows));
console.log(faults.length === 0 ? "\neverything that was answered 200 is there" : `\n${faults.length} faults:\n- ${faults.join("\n- ")}`);
process.exit(faults.length === 0 ? 0 : 1);

/** The figures of the load, which kills the server after so many responses. */
async function floodAndKill(folder, responses) {
  rmSync(log, { force: true });
  const server = await sluiceRegistrar({ folder, env });
  const [figures] = await runHomeLoads({ workload: "refresh", aors: args.aors, seconds: 60, warmup: 0, "timeout-ms": 500, log, pid: server.pid, "kill-after": responses });
  await server.stop();
  if (figures.done < responses) faults.push(`the load got ${figures.done} responses of ${responses}`);
  return figures;
}

/** A row of the table. `allowed`: how many bindings may be missing. */
async function checked(folder, load, allowed) {
  const begin = performance.now();
  const server = await sluiceRegistrar({ folder, env });
  const took = performance.now() - begin;
  const [figures] = await runHomeLoads({ workload: "check", aors: args.aors, log, pid: server.pid });
  const said = readFileSync(server.log, "utf8").split("\n").filter((line) => /journal|snapshot|damage/i.test(line)).map((line) => JSON.parse(line).msg);
  await server.stop();
  if (figures.missing > allowed || figures.lost > 0 || figures.wrong > 0) faults.push(`${figures.missing} of ${figures.acknowledged} bindings are missing, ${allowed} may be; ${figures.lost} queries without an answer, ${figures.wrong} refused (${figures.first_wrong})`);
  if (allowed > 0 && said.length === 0) faults.push("the log says nothing about the damage");
  return [fixed(load.rate, 0), figures.acknowledged, figures.missing, fixed(took, 0), said.join("; ")];
}

function newestJournal(folder) {
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))).filter((file) => /journal/.test(file) && statSync(file).size > 0);
  const newest = files.sort((one, other) => statSync(one).mtimeMs - statSync(other).mtimeMs).at(-1);
  if (newest === undefined) throw new Error(`no journal in ${folder}`);
  return newest;
}

/** As after a power cut: how many octets are gone. */
function cutOff(folder) {
  const file = newestJournal(folder);
  const { size } = statSync(file);
  const octets = Math.min(1_000, Math.floor(size / 2));
  truncateSync(file, size - octets);
  return octets;
}

/** As on a bad disk: how many octets from the bit to the end. */
function turnBit(folder) {
  const file = newestJournal(folder);
  const descriptor = openSync(file, "r+");
  const { size } = fstatSync(descriptor);
  const at = size - Math.min(5_000, Math.floor(size / 2));
  const octet = Buffer.alloc(1);
  readSync(descriptor, octet, 0, 1, at);
  octet[0] ^= 1;
  writeSync(descriptor, octet, 0, 1, at);
  closeSync(descriptor);
  return size - at;
}
