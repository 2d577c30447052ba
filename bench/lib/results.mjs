/** Results as JSON in build/bench, each with the machine, the command and the settings that produced it. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machine } from "./machine.mjs";
import { OUT } from "./tools.mjs";

export function save(name, result) {
  mkdirSync(OUT, { recursive: true });
  const words = process.argv.slice(2).join(" ");
  const script = process.argv[1].split("/").at(-1).replace(".mjs", "");
  const command = `npm run bench -- ${script}${words === "" ? "" : ` ${words}`}`;
  const file = join(OUT, `${name}.json`);
  writeFileSync(file, `${JSON.stringify({ command, machine: machine(), ...result }, null, 1)}\n`);
  process.stdout.write(`\nbuild/bench/${name}.json\n`);
}

/** The latest result with this name, or undefined. */
export function load(name) {
  const file = join(OUT, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** The latest results with this name or one that begins with it and a hyphen: parts that were measured apart. */
export function loadAll(name) {
  if (!existsSync(OUT)) return [];
  const names = readdirSync(OUT).map((file) => /^(.*)\.json$/.exec(file)?.[1] ?? "");
  return names.filter((each) => each === name || each.startsWith(`${name}-`)).sort().map(load);
}
