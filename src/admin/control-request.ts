/** A request to the JSON control, and what its parts must look like. */
import { ControlRefusal } from "./control-refusal.js";

export class ControlRequest {
  /** The decoded values of the placeholders in the route's pattern. */
  readonly places: readonly string[];
  readonly query: URLSearchParams;
  readonly #body: Readonly<Record<string, unknown>>;

  constructor(places: readonly string[], query: string, body: string) {
    this.places = places;
    this.query = new URLSearchParams(query);
    this.#body = readBody(body);
  }

  place(at: number): string {
    return this.places[at] ?? "";
  }

  text(name: string): string {
    return this.#optional(name) ?? this.#missing(name);
  }

  optionalText(name: string, otherwise: string): string {
    return this.#optional(name) ?? otherwise;
  }

  number(name: string, otherwise: number, least: number, most: number): number {
    const text = this.#optional(name);
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) throw new ControlRefusal(400, `${name} must be a whole number from ${least} to ${most}`);
    return value;
  }

  #optional(name: string): string | undefined {
    const value = this.#body[name] ?? this.query.get(name) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "string" && typeof value !== "number") throw new ControlRefusal(400, `${name} must be a text or a number`);
    const text = String(value);
    if (text.length > 512) throw new ControlRefusal(400, `${name} is too long`);
    return text;
  }

  #missing(name: string): never {
    throw new ControlRefusal(400, `${name} is missing`);
  }
}

function readBody(text: string): Readonly<Record<string, unknown>> {
  if (text === "") return {};
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ControlRefusal(400, "the body is not valid JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new ControlRefusal(400, "the body must be a JSON object");
  return body as Readonly<Record<string, unknown>>;
}
