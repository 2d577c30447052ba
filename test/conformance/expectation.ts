/** Compares a received message with what a document expects, and says what differs. */
import { type SipMessage, longName, splitList } from "../support/sip-message.js";
import { type Variables, fillIn, matches } from "./variables.js";

// Route values are compared as URIs: the order of parameters does not matter, and transport= only if the pattern names it.
const ROUTES = new Set(["path", "record-route", "route"]);

/** The differences; empty if the message is as expected. Naming a header field means naming all its values. */
export function differences(expected: string, message: SipMessage, variables: Variables): string[] {
  const end = expected.indexOf("\n\n");
  const [startLine = "", ...lines] = (end < 0 ? expected : expected.slice(0, end)).split("\n");
  const found: string[] = [];
  if (!matches(startLine, message.startLine, variables)) found.push(`start line: ${message.startLine}`);
  const patterns = new Map<string, string[]>();
  for (const line of lines) {
    const absent = /^no (\S+)$/.exec(line)?.[1];
    const colon = line.indexOf(":");
    const name = longName(absent ?? line.slice(0, colon));
    const values = absent ? [] : splitList(line.slice(colon + 1).trim());
    patterns.set(name, [...(patterns.get(name) ?? []), ...values]);
  }
  for (const [name, values] of patterns) {
    const actual = message.all(name).flatMap((value) => (values.length > 1 ? splitList(value) : [value]));
    const wrong = actual.length !== values.length || !values.every((one, at) => same(name, one, actual[at] ?? "", variables));
    if (wrong) found.push(`${name}: expected [${values.map((one) => known(one, variables)).join(" | ")}], got [${actual.join(" | ")}]`);
  }
  if (end >= 0) {
    const body = expected.slice(end + 2).replace(/\n/g, "\r\n");
    if (!matches(body, message.body, variables)) found.push(`body: ${JSON.stringify(message.body)}`);
  }
  return found;
}

/** The octets of both messages without the header fields named in `except` must be equal. */
export function changes(sent: string, received: string, except: readonly string[]): string[] {
  const ignored = new Set(except.map(longName));
  // RFC 5393 5.3.3: every proxied request has one, so adding it does not count as a change.
  if (!/^max-breadth *:/im.test(sent)) ignored.add("max-breadth");
  const rest = (text: string): string[] => {
    const end = text.indexOf("\r\n\r\n");
    const lines = text.slice(0, end).split(/\r\n(?![ \t])/);
    return [...lines.filter((line, at) => at === 0 || !ignored.has(longName(line.split(":")[0] ?? ""))), text.slice(end)];
  };
  const before = rest(sent);
  const after = rest(received);
  const lost = before.filter((line) => !after.includes(line)).map((line) => `lost: ${JSON.stringify(line)}`);
  const added = after.filter((line) => !before.includes(line)).map((line) => `added: ${JSON.stringify(line)}`);
  if (lost.length + added.length === 0 && before.join("\n") !== after.join("\n")) return ["the order of lines changed"];
  return [...lost, ...added];
}

function same(name: string, pattern: string, actual: string, variables: Variables): boolean {
  if (name === "via" && !/^\{[^{}]*\}$/.test(pattern)) return sameParts(pattern, actual, variables, () => true);
  if (!ROUTES.has(name) || !pattern.startsWith("<")) return matches(pattern, actual, variables);
  const ours = /^<(.*)>(.*)$/.exec(pattern);
  const theirs = /^<([^>]*)>(.*)$/.exec(actual);
  if (!ours || !theirs) return false;
  const isFree = (parameter: string): boolean => parameter.startsWith("transport=") && !pattern.includes(";transport=");
  return (
    sameParts(ours[1] ?? "", theirs[1] ?? "", variables, isFree) && matches(ours[2] ?? "", theirs[2] ?? "", variables)
  );
}

/** `base;parameter;parameter` with the parameters in any order; unexpected ones must be free. */
function sameParts(pattern: string, actual: string, variables: Variables, isFree: (parameter: string) => boolean): boolean {
  const [base = "", ...wanted] = pattern.split(/\s*;\s*/);
  const [actualBase = "", ...left] = actual.split(/\s*;\s*/);
  if (!matches(base, actualBase, variables)) return false;
  for (const parameter of wanted) {
    if (parameter.startsWith("!")) {
      if (left.some((one) => one.split("=")[0] === parameter.slice(1))) return false;
      continue;
    }
    const at = left.findIndex((one) => one.split("=")[0] === parameter.split("=")[0] && matches(parameter, one, variables));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return left.every(isFree);
}

function known(pattern: string, variables: Variables): string {
  try {
    return fillIn(pattern, variables);
  } catch {
    return pattern;
  }
}
