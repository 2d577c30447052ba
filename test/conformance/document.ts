/** Reads a conformance document: its sections are the cases, its fenced blocks the steps. README.md describes the language. */
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";

const FOLDER = import.meta.dirname;

export interface Step {
  readonly verb: string;
  readonly words: readonly string[];
  readonly text: string;
  readonly line: number;
}

export interface Case {
  /** The heading, which begins with the requirements' IDs. */
  readonly name: string;
  readonly file: string;
  readonly client: "udp" | "tcp" | undefined;
  readonly core: "udp" | "tcp" | undefined;
  readonly ipv4: boolean;
  /** Needs a stream of octets, which a WebSocket is not. */
  readonly octets: boolean;
  readonly shared: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

const VERBS = new Set(["register", "send", "reply", "expect", "nothing", "close", "finish", "reconnect", "hang-up"]);

export function readDocuments(): Case[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".md") && file !== "README.md");
  return files.sort().flatMap((file) => readDocument(join(FOLDER, file)));
}

function readDocument(path: string): Case[] {
  const lines = readFileSync(path, "utf8").split("\n");
  const heads = lines.flatMap((line, index) => (/^## /.test(line) ? [index] : []));
  const preface = lines.slice(0, heads[0] ?? lines.length).join("\n");
  return heads.map((start, index) => readCase(basename(path), lines, start, heads[index + 1] ?? lines.length, preface));
}

function readCase(file: string, lines: string[], start: number, end: number, preface: string): Case {
  const steps: Step[] = [];
  const settings: Record<string, string> = { ...readSettings(preface) };
  const prose: string[] = [preface];
  for (let at = start + 1; at < end; at += 1) {
    const line = lines[at] ?? "";
    if (!line.startsWith("```")) {
      prose.push(line);
      continue;
    }
    const close = lines.indexOf("```", at + 1);
    if (close < 0 || close > end) throw new Error(`${file}:${at + 1}: this block has no end`);
    const [verb = "", ...words] = line.slice(3).trim().split(/\s+/);
    const text = lines.slice(at + 1, close).join("\n");
    if (verb === "edge") Object.assign(settings, parseSettings(text));
    else if (VERBS.has(verb)) steps.push({ verb, words, text, line: at + 1 });
    else throw new Error(`${file}:${at + 1}: unknown step "${verb}"`);
    at = close;
  }
  if (steps.length === 0) throw new Error(`${file}:${start + 1}: a case without a step`);
  const said = prose.join("\n");
  return {
    name: (lines[start] ?? "").slice(3).trim(),
    file,
    client: /\*Clients over UDP only\.\*/.test(said) ? "udp" : /\*Clients over TCP only\.\*/.test(said) ? "tcp" : undefined,
    core: /\*Core over UDP only\.\*/.test(said) ? "udp" : /\*Core over TCP only\.\*/.test(said) ? "tcp" : undefined,
    octets: /\*Not over WebSocket\.\*/.test(said),
    ipv4: /\*IPv4 only\.\*/.test(said),
    shared: /\*Shared listeners\.\*/.test(said),
    settings,
    steps,
  };
}

function readSettings(preface: string): Record<string, string> {
  const block = /^```edge\n([\s\S]*?)^```/m.exec(preface);
  return parseSettings(block?.[1] ?? "");
}

function parseSettings(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^(SLUICE_\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value] as const));
}
