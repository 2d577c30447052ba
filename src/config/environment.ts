/** The environment that the configuration is read from: the process's own, and what it does not set from the file that SLUICE_ENV_FILE names. */
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { messageOf } from "../base/message-of.js";
import { expected } from "./kind.js";
import type { Environment } from "./read.js";
import { table } from "./table.js";

/** Some editors put it before the first line, and it would be a part of the first name. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/** Throws Unexpected when the file cannot be read. */
export function readEnvironment(own: Environment = process.env): Environment {
  const path = own[table.envFile.name]?.trim();
  if (path === undefined || path === "") return own;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return expected(`a file that can be read: ${messageOf(error)}`);
  }
  const set = Object.entries(own).filter(([, value]) => value !== undefined && value !== "");
  return { ...parseEnv(text.replace(BYTE_ORDER_MARK, "")), ...Object.fromEntries(set) };
}
