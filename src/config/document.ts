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
    "program exits with status 78 before it listens. An empty variable counts as not set; an unknown `SLUICE_` variable causes a",
    "warning. `sluice check-config` checks without starting, `sluice print-config` prints the effective configuration with secrets",
    "masked.",
    "",
    "| Variable | Values | Default | Meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}
