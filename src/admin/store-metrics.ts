/** The metrics of the embedded location store. */
import type { StoreView } from "./running.js";

export interface StoreMetric {
  /** Without the prefix "sluice_". */
  readonly name: string;
  readonly help: string;
  readonly gauge?: true;
  readonly value: (store: StoreView) => number;
}

export const storeMetrics: readonly StoreMetric[] = [
  { name: "location_bindings", help: "Bindings in the embedded store.", gauge: true, value: (store) => store.counts().bindings },
  { name: "location_addresses", help: "Addresses of record that have bindings there.", gauge: true, value: (store) => store.counts().addresses },
  { name: "location_memory_bytes", help: "Octets of memory that they take.", gauge: true, value: (store) => store.counts().octets },
  { name: "location_journal_bytes", help: "Octets of its journal since the last snapshot.", gauge: true, value: (store) => store.counts().journalOctets },
  { name: "location_writable", help: "1 while its journal can be written.", gauge: true, value: (store) => Number(store.isUp) },
  { name: "location_failures_total", help: "Times that the disk refused its journal.", value: (store) => store.counts().failures },
  { name: "location_snapshots_total", help: "Snapshots written.", value: (store) => store.counts().snapshots },
];
