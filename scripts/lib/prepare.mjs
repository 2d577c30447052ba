/** Everything between a fresh clone and a program that can run; each step is skipped when its result is already there. */
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
