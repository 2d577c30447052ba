#!/usr/bin/env node
/**
 * Turns the `subscriber` table of Kamailio or OpenSIPS into the user file of SLUICE_AUTH=file:
 *
 *     mysqldump kamailio subscriber | node subscriber.mjs > users.htdigest
 *     pg_dump -t subscriber opensips | node subscriber.mjs > users.htdigest
 *     mysql -B kamailio -e "SELECT * FROM subscriber" | node subscriber.mjs > users.htdigest
 *     node subscriber.mjs --domain example.com dump.sql > users.htdigest     # for tables without domains
 *
 * A user with a clear-text password gets both hashes, MD5 and SHA-256; one with `ha1` alone gets that. A row that has neither, or whose
 * name does not fit the file, is reported with its number and left out; the exit status is then 1. Passwords are never printed.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** The columns before OpenSIPS and Kamailio added theirs, for a dump that names none. */
const USUAL = ["id", "username", "domain", "password", "ha1", "ha1b"];

/** Rows as objects by column, whatever the form of the dump. */
export function readRows(text) {
  if (/^\s*(?:INSERT INTO|CREATE TABLE)\b/im.test(text) || /^COPY .* FROM stdin;/m.test(text)) return [...rowsOfCopy(text), ...rowsOfInserts(text)];
  return rowsOfTable(text);
}

/** `{ lines, faults }`: the user file, and what could not be used. */
export function toHtdigest(rows, domainOfAll) {
  const lines = [];
  const faults = [];
  const seen = new Set();
  rows.forEach((row, at) => {
    const fault = (why) => faults.push(`row ${at + 1}: ${why}`);
    const user = row.username ?? "";
    const realm = row.domain || domainOfAll || "";
    const { password = "", ha1 = "" } = row;
    if (!/^[^:\s]+$/.test(user) || /[\0-\x1f\x7f]/.test(user)) return fault("no username, or one with a colon or a blank");
    if (!/^[\w.-]+$/.test(realm)) return fault("no domain: give one with --domain");
    if (seen.has(`${user}:${realm}`)) return fault(`${user}@${realm} is there twice`);
    seen.add(`${user}:${realm}`);
    // With calculate_ha1=0 some installations keep the hash in the column of the password.
    if (password !== "" && !/^[0-9a-f]{32}$/i.test(password)) for (const algorithm of ["md5", "sha256"]) lines.push(`${user}:${realm}:${createHash(algorithm).update(`${user}:${realm}:${password}`).digest("hex")}`);
    else if (/^[0-9a-f]{32}$/i.test(ha1)) lines.push(`${user}:${realm}:${ha1.toLowerCase()}`);
    else if (password !== "") lines.push(`${user}:${realm}:${password.toLowerCase()}`);
    else fault(`${user}@${realm} has neither password nor ha1`);
  });
  return { lines, faults };
}

/** mysqldump, and pg_dump --inserts. */
function* rowsOfInserts(text) {
  const columns = columnsOfTable(text);
  // In a dump of PostgreSQL a backslash is a backslash; only MySQL writes its names in backticks.
  const hasEscapes = text.includes("`");
  for (const insert of text.matchAll(/INSERT INTO\s+[`"]?(?:\w+[`"]?\.[`"]?)?subscriber[`"]?\s*(?:\(([^)]*)\)\s*)?VALUES\s*/gi)) {
    const names = insert[1] === undefined ? columns : namesIn(insert[1]);
    for (const values of valuesAt(text, insert.index + insert[0].length, hasEscapes)) yield rowOf(names, values);
  }
}

function columnsOfTable(text) {
  const body = /CREATE TABLE\s+[`"]?(?:\w+[`"]?\.[`"]?)?subscriber[`"]?\s*\(([\s\S]*?)\n\)/i.exec(text)?.[1];
  if (body === undefined) return USUAL;
  const lines = body.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !/^(?:PRIMARY|UNIQUE|KEY|INDEX|CONSTRAINT|FOREIGN|CHECK)\b/i.test(line)).map((line) => /^[`"]?(\w+)/.exec(line)?.[1] ?? "");
}

/** `(1,'alice',…),(2,…);` with strings in MySQL's and in standard quotes. */
function* valuesAt(text, from, hasEscapes) {
  let at = from;
  while (text[at] === "(") {
    const values = [];
    at += 1;
    for (;;) {
      while (/\s/.test(text[at] ?? "")) at += 1;
      if (text[at] === "'") {
        let value = "";
        for (at += 1; at < text.length; at += 1) {
          if (hasEscapes && text[at] === "\\") value += { n: "\n", r: "\r", t: "\t", 0: "\0" }[text[(at += 1)]] ?? text[at];
          else if (text[at] === "'" && text[at + 1] === "'") value += text[(at += 1)];
          else if (text[at] === "'") break;
          else value += text[at];
        }
        at += 1;
        values.push(value);
      } else {
        const word = /^[^,)]*/.exec(text.slice(at, at + 100))[0];
        at += word.length;
        values.push(/^null$/i.test(word.trim()) ? "" : word.trim());
      }
      while (/\s/.test(text[at] ?? "")) at += 1;
      if (text[at] !== ",") break;
      at += 1;
    }
    if (text[at] !== ")") throw new Error(`the dump is broken at octet ${at}`);
    yield values;
    at += 1;
    while (/[\s,]/.test(text[at] ?? "")) at += 1;
  }
}

/** pg_dump. */
function* rowsOfCopy(text) {
  const copy = /^COPY (?:\w+\.)?subscriber \(([^)]*)\) FROM stdin;\n([\s\S]*?)^\\\.$/m.exec(text);
  if (copy === null) return;
  const names = namesIn(copy[1]);
  const plain = (field) => (field === "\\N" ? "" : field.replace(/\\(.)/g, (_, mark) => ({ n: "\n", r: "\r", t: "\t" })[mark] ?? mark));
  for (const line of copy[2].split("\n")) if (line !== "") yield rowOf(names, line.split("\t").map(plain));
}

/** `mysql -B`: columns separated by tabs, their names in the first line. */
function rowsOfTable(text) {
  const [head = "", ...lines] = text.split(/\r?\n/);
  const names = head.split("\t").map((name) => name.trim().toLowerCase());
  if (!names.includes("username")) throw new Error("expected a dump of the table subscriber, or columns with their names in the first line");
  const plain = (field) => (field === "NULL" ? "" : field.replace(/\\(.)/g, (_, mark) => ({ n: "\n", t: "\t", 0: "\0" })[mark] ?? mark));
  return lines.filter((line) => line !== "").map((line) => rowOf(names, line.split("\t").map(plain)));
}

function namesIn(list) {
  return list.split(",").map((name) => name.trim().replaceAll(/[`"]/g, "").toLowerCase());
}

function rowOf(names, values) {
  return Object.fromEntries(names.map((name, at) => [name.toLowerCase(), values[at] ?? ""]));
}

function main() {
  const { values, positionals } = parseArgs({ options: { domain: { type: "string" } }, allowPositionals: true });
  const { lines, faults } = toHtdigest([...readRows(readFileSync(positionals[0] ?? 0, "utf8"))], values.domain);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
  process.exitCode = faults.length > 0 || lines.length === 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
