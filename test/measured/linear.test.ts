/** The handlers' work is linear in the length of a message: each shape passes the real registrar, proxy and authentication. */
import { expect, test } from "vitest";
import { cpuTime } from "../support/cpu-time.js";
import { SHAPES, requestOf } from "../support/hostile-shapes.js";
import { ObjectStage } from "../support/object-stage.js";
import { asRequestUri, parseUri } from "../../src/sip/uri.js";
import { parseNameAddr } from "../../src/sip/name-addr.js";
import { splitHeaderList } from "../../src/sip/header-list.js";
import { parseVia, stampVia } from "../../src/sip/via.js";

/** Octets. Eight times as many mean eight times the work plus a garbage collection or, if a reader goes back and forth, 64 times. */
const [SMALL, LARGE] = [1_750, 14_000];
const MAX_GROWTH = 24;
/** Milliseconds of CPU below which growth is not worth measuring. */
const FLOOR = 5;

/** The best of several runs: other load on the machine only makes runs slower. */
async function best(runs: number, work: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run += 1) least = Math.min(least, await work());
  return least;
}

test.each([false, true])("GR-32 GR-33 the work grows linearly with the octets, authentication: %s", { timeout: 120_000 }, async (auth) => {
  const stage = await ObjectStage.open(auth);
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const measure = async (octets: Buffer): Promise<number> => {
    const time = cpuTime(() => stage.take(octets));
    await settled();
    return time;
  };
  for (let warm = 0; warm < 50; warm += 1) await measure(requestOf("REGISTER"));
  let taken = 0;
  for (const { name, of } of SHAPES) {
    if (stage.take(of(LARGE))) taken += 1;
    await settled();
    const large = await best(3, () => measure(of(LARGE)));
    if (large < FLOOR) continue;
    const small = await best(5, () => measure(of(SMALL)));
    const again = await best(5, () => measure(of(LARGE)));
    expect(again, name).toBeLessThan(Math.max(FLOOR, MAX_GROWTH * small));
  }
  // The scanner accepts many of them, so they do reach the handlers.
  expect(taken).toBeGreaterThan(150);
  expect(stage.faults).toEqual([]);
  await stage.close();
});

test("GR-32 every reader of a value takes time proportional to its length", () => {
  const readers: readonly ((text: string) => unknown)[] = [
    splitHeaderList,
    parseNameAddr,
    (text) => parseNameAddr(`<sip:a@b>${text}`),
    (text) => parseUri(`sip:a@b${text}`),
    (text) => asRequestUri(`sip:a${text}@b${text}`),
    (text) => parseVia(`SIP/2.0/UDP a${text};rport`),
    (text) => stampVia(`SIP/2.0/UDP a${text};rport;x="${text}"`, { address: "192.0.2.1", port: 5_060 }),
  ];
  for (const read of readers) {
    for (const unit of [" ", ";", ";a", ";a=", ";rport", '"', "\\", ",", "<", "\r\n ", "%41", ";keep", ";received=a", "; "]) {
      const of = (size: number): number => Math.min(...[1, 2, 3, 4, 5].map(() => cpuTime(() => read(unit.repeat(size / unit.length)))));
      // Try again before calling it growth: a garbage collection may have hit all five runs.
      if (of(60_000) > FLOOR) expect(of(60_000), `${String(read)} with ${JSON.stringify(unit)}`).toBeLessThan(Math.max(FLOOR, MAX_GROWTH * of(60_000 / 8)));
    }
  }
});
