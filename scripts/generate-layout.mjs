/** Writes src/native/layout.ts; `npm run build` does this too. */
import { writeLayout } from "./lib/layout.mjs";

writeLayout();
