/** The dashboard's files: few, small, read once, served from memory. */
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PACKAGE_FOLDER } from "../base/package-folder.js";

export interface StaticFile {
  readonly type: string;
  readonly octets: Buffer;
}

const FOLDER = join(PACKAGE_FOLDER, "src/admin/dashboard");
const TYPES: Readonly<Record<string, string>> = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };

/** By path. */
export function dashboardFiles(): ReadonlyMap<string, StaticFile> {
  const require = createRequire(import.meta.url);
  const uplot = join(dirname(require.resolve("uplot")));
  const paths = [
    ...readdirSync(FOLDER).map((name) => [`/${name}`, join(FOLDER, name)] as const),
    ["/uplot.js", join(uplot, "uPlot.esm.js")] as const,
    ["/uplot.css", join(uplot, "uPlot.min.css")] as const,
  ];
  const files = new Map(paths.map(([path, file]) => [path, { type: TYPES[path.split(".").at(-1) ?? ""] ?? "text/plain", octets: readFileSync(file) }]));
  const index = files.get("/index.html");
  if (index) files.set("/", index);
  return files;
}
