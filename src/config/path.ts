/** Files and folders, made absolute from where the program was started. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { expected, type Kind } from "./kind.js";

export const folder: Kind<string> = {
  syntax: "a folder",
  parse: (text) => {
    const stat = statSync(text, { throwIfNoEntry: false });
    return stat === undefined || stat.isDirectory() ? resolve(text) : expected("a folder");
  },
};

export const file: Kind<string> = {
  syntax: "a file",
  parse: (text) => {
    const stat = statSync(text, { throwIfNoEntry: false });
    return stat === undefined || stat.isFile() ? resolve(text) : expected("a plain file");
  },
};

export const existingFile: Kind<string> = {
  syntax: "a file",
  parse: (text) => (statSync(text, { throwIfNoEntry: false })?.isFile() ? resolve(text) : expected("a file that is there")),
};
