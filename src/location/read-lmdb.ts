/**
 * `node read-lmdb.js FOLDER` writes the bindings that version 1.0 kept in an LMDB, a line of JSON an address of record (import-lmdb.ts
 * reads them). A process of its own, for LMDB believes what it reads.
 */
import { once } from "node:events";
import { open } from "lmdb";
import { type ClockAnchor, holds, monotonic } from "./clock.js";
import type { LmdbLine } from "./import-lmdb.js";
import type { Row } from "./row.js";

const [, , folder = "."] = process.argv;
const root = open<ClockAnchor, string>({ path: folder, maxDbs: 4, noSubdir: false, readOnly: true });
const anchor = root.get("clock");
const now = holds(anchor) ? monotonic() + anchor.offset : Date.now();
const records = root.openDB<readonly Row[], string>("bindings", { encoding: "msgpack" });

for (const { key: aor, value } of records.getRange()) {
  const rows = value.filter((row) => row[3] > now).map((row): Row => {
    const [key, callId, cseq, expiresAt, updatedAt, ...rest] = row;
    return [key, callId, cseq, expiresAt - now, updatedAt - now, ...rest];
  });
  const line: LmdbLine = [aor, rows];
  if (rows.length > 0 && !process.stdout.write(`${JSON.stringify(line)}\n`)) await once(process.stdout, "drain");
}
await root.close();
