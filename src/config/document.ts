/** docs/configuration.md, made from the table. */
import { table } from "./table.js";

export function configurationDocument(): string {
  const rows = Object.values(table).map(({ name, kind, shownDefault, prose, secret }) => {
    const cells = [`\`${name}\``, kind.syntax, shownDefault, secret ? `${prose} **Secret.**` : prose];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return [
    "# Configuration",
    "",
    "<!-- Made by `npm run docs` from src/config/table.ts: do not edit. -->",
    "",
    "Sluice is configured by environment variables. All errors are reported at once, each with the name of its variable, and the",
    "program ends with status 78 before it listens. A variable that is set to nothing counts as not set; a `SLUICE_` variable that",
    "does not exist is warned of. `sluice --check-config` checks without starting, `sluice --print-config` prints what counts,",
    "secrets masked.",
    "",
    "| Variable | Values | Default | Meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}
