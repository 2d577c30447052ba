/** Joins the requirement rows with the tests that name them, for docs/compliance.md and for the count that `npm test` prints. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./run.mjs";

export const COMPLIANCE_MD = join(ROOT, "docs/compliance.md");

const GROUPS = [
  ["Decisions where the text is open", /^D\d/],
  ["RFC 5626 §4: what clients do", /^OB-4/],
  ["RFC 5626 §5.1: REGISTER at the edge", /^OB-5\.1-/],
  ["RFC 5626 §5.2: flow tokens", /^OB-5\.2-/],
  ["RFC 5626 §5.3: requests along flows", /^OB-5\.3/],
  ["RFC 5626 §5.4: keep-alive", /^OB-5\.4-/],
  ["RFC 5626 §6: registrar", /^OB-6-/],
  ["RFC 5626 §7: authoritative proxy", /^OB-7-/],
  ["RFC 5626 §8: STUN", /^OB-8-/],
  ["RFC 5626 §9–§13: examples, grammar, codes, security", /^OB-(9|1[0-3])-/],
  ["Outbound detection and deployed edges", /^DET-/],
  ["RFC 3327: Path", /^PATH-/],
  ["RFC 3581: rport", /^RPORT-/],
  ["RFC 3261 §16: proxy", /^PX-/],
  ["RFC 3261 §18: transport, framing, response routing", /^TR-/],
  ["RFC 5393: loops and breadth", /^LD-/],
  ["RFC 5658: double Record-Route", /^DRR-/],
  ["RFC 5923: connection reuse", /^CR-/],
  ["RFC 6223: keep", /^KP-/],
  ["Grammar", /^GR-/],
  ["RFC 4475: torture messages", /^TT-/],
  ["RFC 5118: IPv6 torture messages", /^T6-/],
  ["RFC 3263: finding servers", /^DNS-/],
  ["RFC 3261 §9: CANCEL", /^CAN-/],
  ["RFC 3261 §17: transactions", /^TX-/],
  ["RFC 6026: INVITE transactions", /^IT-/],
  ["RFC 4320: non-INVITE transactions", /^NI-/],
  ["Operation", /^SA-/],
  ["RFC 3261 §10.3: registrar", /^REG-/],
  ["RFC 5627: GRUU", /^GRUU-/],
  ["RFC 7118: WebSocket", /^WS-/],
  ["Digest authentication", /^AU-/],
];

// What the edge promises: these groups, for the roles of an edge.
const PROMISED = /^(D[2-5]$|D[78]$|OB-(4|5|8|9|1[0-3])[.-]|(DET|PATH|RPORT|PX|TR|LD|DRR|CR|KP|GR)-)/;
const EDGE_ROLES = new Set(["edge", "any", "UA-facing"]);

const ID = /(?:[A-Z][A-Z0-9]*(?:-[A-Z])?-\d[\d.]*(?:-\d+)*|D[1-8])(?![\w-])/;
const LEADING_IDS = new RegExp(`^((?:${ID.source}[ ,]+)*${ID.source})(?:[ ,:]|$)`);
const SHOWN_TESTS = 3;

/** The contents of the report, as data. */
export function readCompliance() {
  const tests = readTests();
  const reasons = new Map(readTable("docs/not-yet.tsv").map(([id, reason]) => [id, reason]));
  const rows = readTable("docs/requirements.tsv").map(([id, role, level, source]) => ({
    id,
    role,
    level,
    source,
    promised: PROMISED.test(id) && EDGE_ROLES.has(role),
    tests: tests.get(id) ?? [],
    reason: reasons.get(id),
  }));
  const known = new Set(rows.map(({ id }) => id));
  // A name may begin with "UTF-8" without meaning a row.
  const looksLikeRow = (id) => GROUPS.some(([, pattern]) => pattern.test(id)) || /^OB-/.test(id);
  return { rows, unknown: [...tests.keys(), ...reasons.keys()].filter((id) => looksLikeRow(id) && !known.has(id)) };
}

export function summary({ rows }) {
  const promised = rows.filter((row) => row.promised);
  const covered = promised.filter((row) => row.tests.length > 0);
  const beyond = rows.filter((row) => !row.promised && row.tests.length > 0);
  return `${covered.length} of ${promised.length} requirement rows of the edge are covered by tests, and ${beyond.length} others`;
}

/** Rows that are neither covered nor excused. */
export function unexplained({ rows }) {
  return rows.filter((row) => row.tests.length === 0 && row.reason === undefined).map(({ id }) => id);
}

/** Rows that have a reason for not being covered but are covered. */
export function excusedInVain({ rows }) {
  return rows.filter((row) => row.tests.length > 0 && row.reason !== undefined).map(({ id }) => id);
}

export function complianceDocument(compliance = readCompliance()) {
  const parts = [
    "# Compliance",
    "<!-- Made by `npm run docs` from docs/requirements.tsv, docs/not-yet.tsv and the names of the tests: do not edit. -->",
    `${summary(compliance)}. A test covers a row when its name begins with the row's ID. The level is the RFC's own; \`product\` has no
RFC behind its force.`,
  ];
  for (const [title, pattern] of GROUPS) {
    const rows = compliance.rows.filter(({ id }) => pattern.test(id));
    const out = rows.filter((row) => !row.promised && row.tests.length === 0 && row.reason === undefined).map(({ id }) => id);
    const listed = rows.filter(({ id }) => !out.includes(id));
    parts.push(`## ${title}`);
    if (listed.length > 0) parts.push(["| Row | Role | Level | Source | Covered by |", "| --- | --- | --- | --- | --- |", ...listed.map(line)].join("\n"));
    if (out.length > 0) parts.push(`Out of this version: ${out.join(", ")}.`);
  }
  return `${parts.join("\n\n")}\n`;
}

function line({ id, role, level, source, tests, reason }) {
  const shown = tests.slice(0, SHOWN_TESTS).map(({ file, name }) => `\`${file}\`: ${name.replaceAll("|", "\\|")}`);
  if (tests.length > SHOWN_TESTS) shown.push(`and ${tests.length - SHOWN_TESTS} more`);
  const cell = shown.length > 0 ? shown.join("<br>") : `not yet: ${reason ?? "no test names it"}`;
  return `| ${id} | ${role} | ${level} | ${source} | ${cell} |`;
}

function readTable(path) {
  const file = join(ROOT, path);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(1);
  return lines.filter((text) => text !== "").map((text) => text.split("\t"));
}

/** Maps each row ID to the tests whose names begin with it. */
function readTests() {
  const tests = new Map();
  for (const file of testFiles()) {
    for (const name of namesIn(file, readFileSync(join(ROOT, file), "utf8"))) {
      const ids = LEADING_IDS.exec(name)?.[1]?.split(/[ ,]+/) ?? [];
      const prose = name.slice(ids.join(" ").length).replace(/^[ ,:]+/, "") || name;
      for (const id of ids) tests.set(id, [...(tests.get(id) ?? []), { file, name: prose }]);
    }
  }
  return tests;
}

function testFiles() {
  const files = ["test", "native/test", "native/tls_test"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`),
  );
  return files.filter((file) => /\.test\.ts$|_test\.cc$|^test\/conformance\/[^/]*\.md$/.test(file)).sort();
}

/** The test names in a file; in TypeScript every string that begins with an ID, because names also come from tables. */
export function namesIn(file, text) {
  if (file.endsWith(".md")) return file.endsWith("/README.md") ? [] : [...text.matchAll(/^## (.+)$/gm)].map(([, name]) => name);
  if (file.endsWith(".cc")) return [...text.matchAll(/^TEST\(\s*"((?:[^"\\]|\\.)*)"/gm)].map(([, name]) => name);
  const strings = [...text.matchAll(/(["'`])((?:(?!\1)[^\\\n]|\\.)+)\1/g)].map(([, , inside]) => inside);
  return strings.filter((inside) => LEADING_IDS.test(inside) && inside.includes(" "));
}
