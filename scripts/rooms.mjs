/** `node scripts/rooms.mjs`: lists every include and import that violates the order of the rooms in docs/architecture.md. */
import { HOUSES, faults } from "./lib/rooms.mjs";
import { fail } from "./lib/run.mjs";

const found = HOUSES.flatMap((house) => faults(house));
for (const fault of found) process.stderr.write(`${fault}\n`);
if (found.length > 0) fail(`${found.length} violations of the order of the rooms: move what both need into the lower room`);
