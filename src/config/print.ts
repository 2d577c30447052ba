/** --print-config: the effective values, as lines for an environment file. Secrets are masked. */
import { type Environment, textOf } from "./read.js";
import { table } from "./table.js";

export function printConfig(environment: Environment): string {
  const lines = Object.values(table).map((variable) => {
    const text = textOf(variable, environment);
    if (text === undefined) return `# ${variable.name} is not set: ${variable.shownDefault.replaceAll("`", "")}`;
    return `${variable.name}=${variable.secret && text !== variable.fallback ? "***" : text}`;
  });
  return `${lines.join("\n")}\n`;
}
