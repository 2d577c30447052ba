/** Everything between a fresh clone and a runnable program; skips each step whose result already exists. */
import { checkNode, checkPlatform } from "./check.mjs";
import { install } from "./install.mjs";
import { buildNative } from "./native.mjs";
import { buildTypescript } from "./typescript.mjs";

export function prepare(options) {
  checkNode();
  checkPlatform();
  install();
  buildNative(options);
  buildTypescript();
}
