/** Writes src/native/layout.ts; `npm run build` does it too. */
import { writeLayout } from "./lib/layout.mjs";

writeLayout();
