/** Loads the addon; both native builds put it in the same place. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Binding } from "./binding.js";

export const addonPath = fileURLToPath(new URL("../../build/Release/sluice.node", import.meta.url));

export const binding = createRequire(import.meta.url)(addonPath) as Binding;
