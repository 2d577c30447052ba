/** Loads the addon: the one built here, else the one in the package. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Binding } from "./binding.js";

const PLACES = ["build/Release", `prebuilds/${process.platform}-${process.arch}`].map((folder) => fileURLToPath(new URL(`../../${folder}/sluice.node`, import.meta.url)));

const addonPath = PLACES.find((path) => existsSync(path)) ?? PLACES.join(" or ");

export const binding = createRequire(import.meta.url)(addonPath) as Binding;
