/** Generates the text of src/native/layout.ts from the X-macros of native/core/base/layout.def. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "./run.mjs";

export const LAYOUT_TS = join(ROOT, "src/native/layout.ts");

export function layoutText(source = readFileSync(join(ROOT, "native/core/base/layout.def"), "utf8")) {
  const groups = readGroups(source);
  const parts = [...groups].filter(([, group]) => group.rows.length > 0).map(([name, group]) => renderGroup(name, group));
  const head = "/** The numbers that C++ and TypeScript share. Generated from native/core/base/layout.def by scripts/generate-layout.mjs: do not edit. */";
  return `${[head, ...parts].join("\n\n")}\n`;
}

/** Rewrites src/native/layout.ts if native/core/base/layout.def has changed. */
export function writeLayout() {
  const text = layoutText();
  if (existsSync(LAYOUT_TS) && readFileSync(LAYOUT_TS, "utf8") === text) return;
  mkdirSync(dirname(LAYOUT_TS), { recursive: true });
  writeFileSync(LAYOUT_TS, text);
}

/** `#define SLUICE_GROUP(name, …)` declares a group; the parameter names say what the arguments mean. */
function readGroups(source) {
  const groups = new Map();
  for (const [, name, parameters] of source.matchAll(/^#define SLUICE_(\w+)\(([^)]*)\)/gm)) {
    groups.set(name, { parameters: parameters.split(",").map((word) => word.trim()), rows: [] });
  }
  for (const [line, name, text] of source.matchAll(/^SLUICE_(\w+)\(((?:"(?:[^"\\]|\\.)*"|'.'|[^"')])*)\)/gm)) {
    const group = groups.get(name);
    if (group === undefined) throw new Error(`layout.def: ${line} belongs to no group that is #defined above`);
    const words = text.match(/"(?:[^"\\]|\\.)*"|'.'|[^,\s]+/g) ?? [];
    if (words.length !== group.parameters.length) throw new Error(`layout.def: ${line} has ${words.length} arguments`);
    group.rows.push(words);
  }
  return groups;
}

function renderGroup(name, { parameters, rows }) {
  const keys = rows.map(([key]) => camel(key));
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new Error(`layout.def: SLUICE_${name} has ${twice} twice`);
  const entries = rows.map((row, index) => `  ${keys[index]}: ${valueOf(parameters, row, index)},`);
  const type = pascal(name);
  const object = `export const ${type} = {\n${entries.join("\n")}\n} as const;\nexport type ${type} = (typeof ${type})[keyof typeof ${type}];`;
  const arrays = parameters
    .map((parameter, column) => ({ parameter, column }))
    .filter(({ parameter }) => !["name", "bit", "value"].includes(parameter))
    .map(({ parameter, column }) => {
      const texts = rows.some((row) => /^["']/.test(row[column]));
      const values = rows.map((row) => `  ${texts ? textOf(row[column]) : number(row[column])},`);
      const elements = texts ? "string" : "number";
      return `/** ${pascal(parameter)} of each ${type}, by its number. */\nexport const ${camel(name)}${pascal(parameter)}: readonly ${elements}[] = [\n${values.join("\n")}\n];`;
    });
  return [object, ...arrays].join("\n\n");
}

function valueOf(parameters, row, index) {
  if (parameters.includes("bit")) return 2 ** number(row[parameters.indexOf("bit")]);
  if (parameters.includes("value")) return number(row[parameters.indexOf("value")]);
  return index;
}

function number(word) {
  const digits = word.replaceAll("'", "").replace(/[uUlL]+$/, "");
  if (!/^-?(0x[0-9a-fA-F]+|\d+)$/.test(digits)) throw new Error(`layout.def: ${word} is not a plain number`);
  return Number(digits);
}

function textOf(word) {
  if (word === "0") return '""';
  return JSON.stringify(word.startsWith("'") ? word.slice(1, -1) : JSON.parse(word));
}

function pascal(name) {
  return name.toLowerCase().split("_").filter(Boolean).map((word) => word[0].toUpperCase() + word.slice(1)).join("");
}

function camel(name) {
  const text = pascal(name);
  return text[0].toLowerCase() + text.slice(1);
}
