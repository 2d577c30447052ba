/** `npm pack` runs this first: makes dist/, and prebuilds/ with addon and keeper for this machine and, if the cross compiler is present, for arm64. */
import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ADDON, cmakeJs } from "./lib/native.mjs";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, has, mustRun, say } from "./lib/run.mjs";
import { declareTypes } from "./lib/typescript.mjs";

// SLUICE_PREBUILD=native omits the latter.
const CROSS = "aarch64-linux-gnu";

prepare();
declareTypes();
provide(process.arch, ADDON, "strip");
if (process.env.SLUICE_PREBUILD !== "native" && process.arch !== "arm64" && has(`${CROSS}-g++`) && has("cmake")) {
  say("cross compiling the addon for arm64 …");
  const settings = { CMAKE_SYSTEM_NAME: "Linux", CMAKE_SYSTEM_PROCESSOR: "aarch64", CMAKE_CXX_COMPILER: `${CROSS}-g++` };
  cmakeJs({ out: "build/arm64", targets: ["sluice"], settings });
  provide("arm64", join(ROOT, "build/arm64/Release/sluice.node"), `${CROSS}-strip`);
}

function provide(arch, addon, strip) {
  const folder = join(ROOT, `prebuilds/linux-${arch}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(addon, join(folder, "sluice.node"));
  chmodSync(join(folder, "sluice.node"), 0o644);
  copyFileSync(join(dirname(addon), "sluice-keeper"), join(folder, "sluice-keeper"));
  chmodSync(join(folder, "sluice-keeper"), 0o755);
  for (const file of ["sluice.node", "sluice-keeper"]) if (has(strip)) mustRun(strip, strip, ["--strip-unneeded", join(folder, file)]);
}
