/** Which room uses which: docs/architecture.md defines the order, the includes of native/ and the imports of src/ are the uses. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { ROOT } from "./run.mjs";

const IMPORT = /\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/;
const INCLUDE = /^\s*#\s*include\s+"([^"]+)"/;

/** The two houses: how a file refers to another, and which room a path belongs to. `tls`, `keeper` and `addon` are next to native/core. */
export const HOUSES = [
  { name: "native", folder: "native", files: /^native\/(core|tls|keeper|addon)\/.*\.(cc|h|def)$/, uses: INCLUDE, paths: includePaths, roomOf: (path) => /^native\/(?:core\/)?([^/]+)\//.exec(path)?.[1] },
  { name: "src", folder: "src", files: /^src\/.*\.ts$/, uses: IMPORT, paths: importPaths, roomOf: (path) => /^src\/([^/]+)\//.exec(path)?.[1] ?? "." },
];

/** The rooms of a house, lowest first: the first cells of the table under "### `native`" or "### `src`". */
export function readOrder(house, text = readFileSync(join(ROOT, "docs/architecture.md"), "utf8")) {
  const section = text.split(`### \`${house.name}\`\n`)[1]?.split(/^#/m)[0];
  if (section === undefined) throw new Error(`docs/architecture.md has no heading "### \`${house.name}\`"`);
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, room]) => room);
}

/** Every use of another file of the house: { file, line, text, target, from, to }. */
export function readUses(house, root = ROOT) {
  const names = readdirSync(join(root, house.folder), { recursive: true }).map((name) => `${house.folder}/${name}`);
  const files = names.filter((name) => house.files.test(name)).sort();
  const known = new Set(files);
  return files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((text, index) => {
        const target = house.paths(file, house.uses.exec(text)?.[1] ?? "").find((path) => known.has(path));
        return target === undefined ? [] : [{ file, line: index + 1, text: text.trim(), target, from: house.roomOf(file), to: house.roomOf(target) }];
      }),
  );
}

/** What is wrong with a house, one line each: uses against the order, rooms without a row, rows without a room. */
export function faults(house, { root = ROOT, order = readOrder(house), uses = readUses(house, root) } = {}) {
  const rooms = new Set(uses.flatMap(({ from, to }) => [from, to]));
  const place = new Map(order.map((room, index) => [room, index]));
  const backwards = uses.filter(({ from, to }) => place.get(to) > place.get(from));
  return [
    ...backwards.map(({ file, line, text, from, to }) => `${file}:${line}: ${text} (${to} comes after ${from} in docs/architecture.md)`),
    ...[...rooms].filter((room) => !place.has(room)).map((room) => `${house.folder}: docs/architecture.md has no row for the room ${room}`),
    ...order.filter((room) => !rooms.has(room)).map((room) => `docs/architecture.md: there is no room ${room} in ${house.folder}`),
  ];
}

/** Resolves an include next to its file, then from native/, as the compiler does. */
function includePaths(file, target) {
  return [normalize(join(dirname(file), target)), normalize(join("native", target))];
}

function importPaths(file, target) {
  return [relative(".", join(dirname(file), target)).replace(/\.js$/, ".ts")];
}
