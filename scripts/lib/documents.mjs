/** The documents that are made of the sources and the tests alone, so that `npm test` says before anything is built which of them is out of date. */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { COMPLIANCE_MD, complianceDocument } from "./compliance.mjs";
import { FLOOR_PLAN_SVG, floorPlan } from "./floor-plan.mjs";
import { ROOT } from "./run.mjs";

/** Where each is, and what it should say. */
export const DOCUMENTS = [
  [COMPLIANCE_MD, complianceDocument],
  [FLOOR_PLAN_SVG, floorPlan],
];

export function outOfDate() {
  return DOCUMENTS.filter(([path, made]) => readFileSync(path, "utf8") !== made()).map(([path]) => relative(ROOT, path));
}
