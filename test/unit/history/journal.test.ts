/** The history on disk: bounded, found again, and neither a full disk nor a damaged file stops anything. */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { HistoryEvent, Kind } from "../../../src/history/event.js";
import { follow } from "../../../src/history/follow.js";
import { Journal } from "../../../src/history/journal.js";
import { type HistoryPage, type HistoryQuery, search } from "../../../src/history/search.js";
import { type Place, Segments, wholeLines } from "../../../src/history/segments.js";
import { createLog } from "../../../src/observe/log.js";

const MEGABYTE = 1 << 20;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-history-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return join(path, "history");
}

interface Stage {
  readonly journal: Journal;
  readonly lines: string[];
  /** Writes an event; `number` is its time too. */
  readonly put: (number: number, facts?: Partial<HistoryEvent>) => void;
  readonly find: (query?: Partial<HistoryQuery>) => Promise<HistoryPage>;
}

async function open(path: string, megabytes = 1, mostWaiting?: number): Promise<Stage> {
  const lines: string[] = [];
  const log = createLog("info", { write: (line) => void lines.push(line) });
  const journal = new Journal(new Segments(path, megabytes * MEGABYTE), log, mostWaiting);
  await journal.open();
  onTestFinished(() => journal.close());
  const put = (number: number, facts: Partial<HistoryEvent> = {}): void => journal.append(JSON.stringify({ id: `t-${number}`, kind: "registered", at: number, ...facts }));
  const find = async (query: Partial<HistoryQuery> = {}): Promise<HistoryPage> => {
    await journal.written();
    return search(journal.segments, { word: "", kinds: undefined, since: 0, until: Infinity, most: 1_000, from: undefined, ...query });
  };
  return { journal, lines, put, find };
}

const timesOf = ({ rows }: HistoryPage): readonly number[] => rows.map(({ at }) => at);

test("what was written is found after a restart, the newest first, by AOR, Call-ID, part, kind and time", async () => {
  const path = folder();
  const first = await open(path);
  first.put(1_000_000, { aor: "sip:alice@example.com", instance: "urn:uuid:1" });
  first.put(2_000_000, { aor: "sip:malice@example.com", address: "192.0.2.7:5060" });
  first.put(3_000_000, { kind: "call-failed", from: "sip:bob@example.com", to: "sip:alice@example.com", callId: "Aa7@HOST.example", status: 486 });
  await first.journal.close();
  const { find, put } = await open(path);
  put(4_000_000, { aor: "sip:alice@example.com", kind: "expired" });
  expect(timesOf(await find())).toEqual([4_000_000, 3_000_000, 2_000_000, 1_000_000]);
  for (const word of ["alice@example.com", "sip:alice@EXAMPLE.com", "<sips:alice@example.com>"]) expect(timesOf(await find({ word })), word).toEqual([4_000_000, 3_000_000, 1_000_000]);
  for (const word of ["Aa7@HOST.example", "Aa7@host.example"]) expect(timesOf(await find({ word })), word).toEqual([3_000_000]);
  expect(timesOf(await find({ word: "lice" }))).toEqual([4_000_000, 3_000_000, 2_000_000, 1_000_000]);
  expect(timesOf(await find({ word: "urn:uuid:1" }))).toEqual([1_000_000]);
  put(5_000_000, { aor: "sip:carol@example.com", contact: "sip:carol@192.0.2.7:5070" });
  put(6_000_000, { aor: "sip:carol@example.com", contact: "sip:carol@[2001:db8::7]:5070", address: "192.0.2.70:5060" });
  // An address is looked for as a whole, in Contacts too.
  expect(timesOf(await find({ word: "192.0.2.7" }))).toEqual([5_000_000, 2_000_000]);
  expect(timesOf(await find({ word: "2001:db8::7" }))).toEqual([6_000_000]);
  for (const word of ["92.0.2.7", "2.0.2.7", "2001:db8::", "1:db8::7"]) expect(timesOf(await find({ word })), word).toEqual([]);
  expect(timesOf(await find({ word: "nobody@example.com" }))).toEqual([]);
  expect(timesOf(await find({ kinds: new Set<Kind>(["expired", "call-failed"]) }))).toEqual([4_000_000, 3_000_000]);
  expect(timesOf(await find({ since: 2_000_000, until: 3_000_000 }))).toEqual([3_000_000, 2_000_000]);
});

test("page by page nothing is left out and nothing comes twice, over many files and pieces", async () => {
  const { put, find, journal } = await open(folder(), 16);
  const count = 12_000;
  for (let number = 1; number <= count; number += 1) {
    put(number, { aor: `sip:user${number % 3}@example.com`, userAgent: "x".repeat(number % 300) });
    if (number % 2_000 === 0) await journal.written();
  }
  await journal.written();
  expect(journal.segments.numbers.length).toBeGreaterThan(1);
  for (const word of ["", "user1@example.com", "user1"]) {
    const found: number[] = [];
    let from: Place | undefined;
    do {
      const page = await find({ word, most: 997, from });
      found.push(...timesOf(page));
      from = page.next;
    } while (from !== undefined);
    const all = Array.from({ length: count }, (_, at) => count - at);
    expect(found).toEqual(word === "" ? all : all.filter((number) => number % 3 === 1));
  }
});

test("it keeps to its size: the oldest goes first", async () => {
  const path = folder();
  const { put, find, journal } = await open(path, 1);
  for (let number = 1; number <= 20_000; number += 1) {
    put(number, { userAgent: "y".repeat(100) });
    if (number % 500 === 0) await journal.written();
  }
  const rows = timesOf(await find());
  expect(rows[0]).toBe(20_000);
  const octets = readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
  expect(octets).toBeLessThanOrEqual(MEGABYTE);
  expect(octets).toBeGreaterThan(MEGABYTE * 0.7);
  expect(journal.octets).toBe(octets);
  expect(journal.lost).toBe(0);
});

test("a line that was cut off, and garbage, cost themselves only", async () => {
  const path = folder();
  const first = await open(path);
  for (const number of [1, 2, 3]) first.put(number);
  await first.journal.close();
  const file = join(path, "00000001.jsonl");
  truncateSync(file, statSync(file).size - 9);
  const second = await open(path);
  second.put(4);
  expect(timesOf(await second.find())).toEqual([4, 2, 1]);
  await second.journal.close();
  appendFileSync(file, Buffer.concat([Buffer.alloc(70_000, 0xff), Buffer.from('\n{"id":7}\nnull\n[]\n{"id":"t","at":1,"kind":"nonsense"}\n')]));
  writeFileSync(join(path, "README"), "not ours");
  const third = await open(path);
  third.put(5);
  expect(timesOf(await third.find())).toEqual([5, 4, 2, 1]);
  expect(timesOf(await third.find({ word: "", most: 2 }))).toEqual([5, 4]);
});

test("a full disk is reported once, what waits is bounded, and everything is written when there is room again", async () => {
  const path = folder();
  mkdirSync(path, { recursive: true });
  symlinkSync("/dev/full", join(path, "00000001.jsonl"));
  const { put, find, journal, lines } = await open(path, 1, 10_000);
  for (let number = 1; number <= 500; number += 1) put(number);
  await expect.poll(() => journal.fault).toContain("ENOSPC");
  expect(journal.lost).toBeGreaterThan(200);
  expect(await find()).toEqual({ rows: [], next: undefined });
  unlinkSync(join(path, "00000001.jsonl"));
  await expect.poll(() => journal.fault, { timeout: 20_000 }).toBe("");
  put(501);
  const rows = timesOf(await find());
  expect(rows[0]).toBe(501);
  expect(rows.slice(1)).toEqual(Array.from({ length: 500 - journal.lost }, (_, at) => 500 - journal.lost - at));
  expect(lines.filter((line) => line.includes("cannot be written"))).toHaveLength(1);
  expect(lines.filter((line) => line.includes("can be written again"))).toHaveLength(1);
});

test("whoever follows gets everything in order, across files, and learns that something was deleted", async () => {
  const path = folder();
  const { put, journal } = await open(path, 1);
  let place: Place = journal.end;
  const got: number[] = [];
  const read = async (): Promise<boolean> => {
    let hasGap = false;
    for (;;) {
      const step = await follow(journal.segments, place, 50);
      hasGap ||= step.hasGap;
      got.push(...step.events.map(({ at }) => at));
      if (step.next.segment === place.segment && step.next.offset === place.offset) return hasGap;
      place = step.next;
    }
  };
  for (let number = 1; number <= 2_000; number += 1) {
    put(number, { userAgent: "z".repeat(100) });
    if (number % 400 === 0) {
      await journal.written();
      expect(await read()).toBe(false);
    }
  }
  expect(got).toEqual(Array.from({ length: 2_000 }, (_, at) => at + 1));
  expect(journal.segments.after(place)).toBe(0);
  for (let number = 2_001; number <= 20_000; number += 1) {
    put(number, { userAgent: "z".repeat(100) });
    if (number % 500 === 0) await journal.written();
  }
  await journal.written();
  expect(await read()).toBe(true);
  expect(got.at(-1)).toBe(20_000);
});

test("of what was cut off, lines that are whole are not written again", () => {
  const pieces = ["one\ntwo\n", "three\n", "four\nfive\n"].map((text) => Buffer.from(text));
  const octets = Buffer.concat(pieces).toString("latin1");
  for (let written = 0; written <= octets.length; written += 1) expect(wholeLines(pieces, written)).toBe(octets.lastIndexOf("\n", written - 1) + 1);
});

test("a buffer that was lent is lent again when its lines are in the file, or when nothing was written into it", async () => {
  const { journal, find } = await open(folder());
  const first = journal.lend();
  const line = JSON.stringify({ id: "a-1", kind: "expired", at: 1 });
  const octets = first.write(`${line}\n`);
  journal.appendLines(first.subarray(0, octets), 1);
  const second = journal.lend();
  expect(second.buffer).not.toBe(first.buffer);
  journal.appendLines(second.subarray(0, 0), 0);
  expect(journal.lend().buffer).toBe(second.buffer);
  await journal.written();
  expect(journal.lend().buffer).toBe(first.buffer);
  expect(timesOf(await find())).toEqual([1]);
});
