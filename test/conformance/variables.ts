/** `{name}` in a document: filled in when something is sent, matched or captured when something is expected. */

export type Variables = Map<string, string>;

const PLACE = /\{([^{}\s]*)\}/g;
const CHANGES: Readonly<Record<string, (value: string) => string>> = {
  // Changes a character at the end, so in the MAC, to another one of the same alphabet.
  flip: (value) => value.slice(0, -2) + (value.at(-2) === "A" ? "B" : "A") + value.slice(-1),
  cut: (value) => value.slice(0, -1),
  escape: (value) => `%${hex(value, 0)}${value.slice(1, 8)}%${hex(value, 8)}${value.slice(9)}`,
};

export function fillIn(text: string, variables: Variables): string {
  return text.replace(PLACE, (_, inner: string) => {
    const octet = /^x([0-9a-f]{2})$/.exec(inner)?.[1];
    if (octet) return String.fromCharCode(Number.parseInt(octet, 16));
    const times = /^(.)x(\d+)$/.exec(inner);
    if (times) return (times[1] ?? "").repeat(Number(times[2]));
    const [name = "", change] = inner.split("|");
    const value = variables.get(name);
    if (value === undefined) throw new Error(`{${name}} has no value yet`);
    return change ? (CHANGES[change] ?? unknownChange(change))(value) : value;
  });
}

/**
 * A regular expression for a pattern: `{}` is anything, `{name}` the variable's value or, if it has none yet, a capture
 * without separators, and `{name...}` a capture of anything.
 */
export function compile(pattern: string, variables: Variables): { regex: RegExp; names: string[] } {
  const names: string[] = [];
  let source = "";
  let end = 0;
  for (const place of pattern.matchAll(PLACE)) {
    const inner = place[1] ?? "";
    const name = inner.replace(/\.\.\.$/, "");
    source += escape(pattern.slice(end, place.index));
    end = place.index + place[0].length;
    const known = variables.has(name.split("|")[0] ?? "") || /^x[0-9a-f]{2}$|^.x\d+$/.test(inner);
    if (inner === "") source += "[^]*";
    else if (known) source += escape(fillIn(`{${inner}}`, variables));
    else if (/^[A-Z]/.test(name)) throw new Error(`{${name}} is not defined`);
    else if (names.includes(name)) source += `\\${names.indexOf(name) + 1}`;
    else {
      names.push(name);
      source += inner.endsWith("...") ? "([^]+)" : '([^\\s;,<>"@]+)';
    }
  }
  return { regex: new RegExp(`^${source}${escape(pattern.slice(end))}$`), names };
}

/** True if it matches; captures are then in the variables. */
export function matches(pattern: string, text: string, variables: Variables): boolean {
  const { regex, names } = compile(pattern, variables);
  const match = regex.exec(text);
  if (!match) return false;
  for (const [index, name] of names.entries()) variables.set(name, match[index + 1] ?? "");
  return true;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function hex(value: string, at: number): string {
  return value.charCodeAt(at).toString(16).toUpperCase();
}

function unknownChange(change: string): never {
  throw new Error(`unknown change "${change}"`);
}
