/**
 * SIPp as a population of phones behind an edge: every one is challenged, authenticates by digest and registers; then all of them do so again with another
 * Call-ID, as after a power cut. Exits with 1 if one of them is refused, or if one binding is missing at the end.
 * `npm run bench -- population [--aors 100000] [--rate 4000] [--digest md5]`
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ROOT, fail, has } from "../scripts/lib/run.mjs";
import { EDGE_PORT } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { cpuOf } from "./lib/process-family.mjs";
import { PASSWORD, sluiceRegistrar } from "./lib/registrars.mjs";
import { OUT } from "./lib/tools.mjs";

const { values: args } = parseArgs({ options: { aors: { type: "string", default: "100000" }, rate: { type: "string", default: "4000" }, digest: { type: "string", default: "md5" } } });
if (!has("sipp")) fail("SIPp is missing: apt-get install -y sip-tester");
const AORS = Number(args.aors);
const PLANE = `127.0.0.1:${EDGE_PORT + 9}`;
mkdirSync(OUT, { recursive: true });
const folder = mkdtempSync(join(OUT, "population-"));
const faults = [];

const phone = (_, at) => `${(at >> 8) & 255}.${at & 255};u${at};${at.toString(16).padStart(12, "0")};[authentication username=u${at}]`;
const fields = join(folder, "phones.csv");
writeFileSync(fields, ["SEQUENTIAL", ...Array.from({ length: AORS }, phone), ""].join("\n"));

const metrics = async () => (await fetch(`http://${PLANE}/metrics`)).text();
const value = (text, name) => [...text.matchAll(new RegExp(`^${name}.* (\\S+)$`, "gm"))].reduce((sum, [, count]) => sum + Number(count), 0);

const server = await sluiceRegistrar({ digest: args.digest, users: AORS, folder: join(folder, "state"), env: { SLUICE_ADMIN_LISTEN: PLANE, SLUICE_MAX_BINDINGS: String(2 * AORS) } });
const rows = [];
try {
  while ((await fetch(`http://${PLANE}/readyz`).catch(() => undefined))?.ok !== true) await sleep(20);
  for (const pass of ["first", "again"]) {
    const before = { cpu: cpuOf(server.pid), text: await metrics(), at: performance.now() };
    const { code, errors } = await sipp(pass);
    const text = await metrics();
    const seconds = (performance.now() - before.at) / 1_000;
    const since = (name) => value(text, name) - value(before.text, name);
    const bindings = value(text, "sluice_location_bindings");
    const [byNumbers, byObjects] = ["numbers", "objects"].map((path) => since(`sluice_registers_handled_total\\{[^}]*path="${path}"`));
    if (code !== 0) faults.push(`${pass}: SIPp ended with ${code}${errors}`);
    if (bindings !== AORS) faults.push(`${pass}: ${bindings} bindings instead of ${AORS}`);
    rows.push([pass, fixed(AORS / seconds, 0), fixed(((cpuOf(server.pid) - before.cpu) * 1e6) / (2 * AORS), 1), since("sluice_logins_accepted_total"), byNumbers, byObjects, bindings]);
  }
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(table(["pass", "phones a second", "CPU us a REGISTER", "logins", "by numbers", "by objects", "bindings"], rows));
console.log(faults.length === 0 ? "\nevery phone was challenged, proved itself and is registered" : `\n- ${faults.join("\n- ")}`);
process.exit(faults.length === 0 ? 0 : 1);

async function sipp(pass) {
  const errorFile = join(folder, `${pass}.errors`);
  const rate = ["-m", String(AORS), "-r", args.rate, "-l", "4000", "-timeout", `${Math.ceil((4 * AORS) / Number(args.rate)) + 120}s`, "-timeout_error"];
  const options = ["-sf", join(ROOT, "bench/sipp/register.xml"), "-inf", fields, "-t", "u1", "-i", "127.0.0.1", "-nostdin", "-ap", PASSWORD, "-auth_uri", "example.org", "-cid_str", `${pass}-%u-%p@%s`, "-trace_err", "-error_file", errorFile];
  const child = spawn("taskset", ["-c", "1", "sipp", ...options, ...rate, `127.0.0.1:${EDGE_PORT}`], { stdio: "ignore" });
  process.once("exit", () => child.kill("SIGKILL"));
  const code = await new Promise((resolve) => child.on("exit", resolve));
  let errors = "";
  try {
    errors = `: ${readFileSync(errorFile, "latin1").slice(0, 1_000)}`;
  } catch {
    // There were none.
  }
  return { code, errors };
}
