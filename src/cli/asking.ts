/** The commands that ask a running process and show what it answers, in one file: each alone would be one more for the package. */
export { bindings } from "./bindings.js";
export { flows } from "./flows.js";
export { history } from "./history.js";
export { flappers, refused, silent, topTalkers } from "./lists.js";
export { ban, drain, keys, log, reload, upgrade } from "./orders.js";
export { status } from "./status.js";
export { token } from "./token.js";
export { where } from "./where.js";
