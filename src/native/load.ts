/** Loads the addon: the one built here, else the one in the package. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PACKAGE_FOLDER } from "../base/package-folder.js";
import type { Binding } from "./binding.js";

const PLACES = ["build/Release", `prebuilds/${process.platform}-${process.arch}`].map((folder) => join(PACKAGE_FOLDER, folder, "sluice.node"));

const addonPath = PLACES.find((path) => existsSync(path)) ?? PLACES.join(" or ");

/** The keeper's program, which is built beside the addon. */
export const keeperPath = join(dirname(addonPath), "sluice-keeper");

export const binding = createRequire(import.meta.url)(addonPath) as Binding;
