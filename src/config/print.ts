/** --print-config: the effective values, as lines for an environment file. */
import { type Environment, textOf } from "./read.js";
import { table } from "./table.js";

/** Masks secrets unless the caller writes a file for the server itself. That file omits SLUICE_ENV_FILE, which names it. */
export function printConfig(environment: Environment, { secrets = "masked" }: { readonly secrets?: "masked" | "shown" } = {}): string {
  const masks = secrets === "masked";
  const variables = Object.values(table).filter((variable) => masks || variable !== table.envFile);
  const lines = variables.map((variable) => {
    const text = textOf(variable, environment);
    if (text === undefined) return `# ${variable.name} is not set: ${variable.shownDefault.replaceAll("`", "")}`;
    // What is not set keeps the defaults of the version that reads the file.
    if (!masks && (environment[variable.name] ?? "").trim() === "") return `#${variable.name}=${text}`;
    if (!masks) return `${variable.name}=${quoted(text)}`;
    return `${variable.name}=${variable.secret && text !== variable.fallback ? "***" : text}`;
  });
  return `${lines.join("\n")}\n`;
}

/** Quoted for Node's parseEnv, which would lose a comment sign, or a blank at either end. */
function quoted(text: string): string {
  const quote = text.includes('"') ? "'" : '"';
  return /[#'"`\s]/.test(text) ? `${quote}${text}${quote}` : text;
}
