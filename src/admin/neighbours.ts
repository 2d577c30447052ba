/** The admin planes of the other edges of the farm. Each is asked with the token that all share; one that does not answer is named. */
import { request } from "node:http";
import { JsonNesting } from "../base/json-nesting.js";
import { messageOf } from "../base/message-of.js";
import type { FarmNode } from "../config/farm-node.js";
import { showHostPort } from "../config/host-port.js";
import type { Running } from "./running.js";

/** Fifty flows are 25 KB. To parse what a liar sends takes a few milliseconds of the main thread then, not seconds. */
const MAX_CHARACTERS = 256 << 10;
const MAX_DEPTH = 16;
const MAX_ERROR = 200;

export interface NodeAnswer<T> {
  readonly node: number;
  readonly answer?: T;
  /** Why there is none. */
  readonly error?: string;
}

export interface Order {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below /api/. */
  readonly path: string;
  readonly body?: object;
  /** Milliseconds. */
  readonly patience: number;
}

export class Neighbours {
  readonly #running: Running;

  constructor(running: Running) {
    this.#running = running;
  }

  get numbers(): readonly number[] {
    return this.#others.map(({ node }) => node);
  }

  /** In the order of the list. Never rejects. */
  askAll<T>(order: Order): Promise<readonly NodeAnswer<T>[]> {
    return Promise.all(this.#others.map((one) => this.#ask<T>(one, order)));
  }

  async ask<T>(node: number, order: Order): Promise<NodeAnswer<T>> {
    const one = this.#others.find((other) => other.node === node);
    return one === undefined ? { node, error: "SLUICE_FARM does not list it" } : this.#ask(one, order);
  }

  get #others(): readonly FarmNode[] {
    return this.#running.farmNodes;
  }

  async #ask<T>({ node, admin }: FarmNode, order: Order): Promise<NodeAnswer<T>> {
    if (admin === undefined) return { node, error: "SLUICE_FARM does not say where its admin plane is: add ;admin=" };
    try {
      return { node, answer: await exchange<T>(showHostPort(admin.host, admin.port), this.#running.config.adminToken ?? "", order) };
    } catch (error) {
      return { node, error: messageOf(error) };
    }
  }
}

function exchange<T>(place: string, token: string, { method, path, body, patience }: Order): Promise<T> {
  const strange = (): Error => new Error(`${place} answers with no JSON: is an admin plane there?`);
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const asked = request(new URL(`/api/${path}`, `http://${place}`), { method, headers, agent: false }, (response) => {
      let text = "";
      const nesting = new JsonNesting();
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        if (!asked.destroyed && !nesting.isWithin(MAX_DEPTH, part)) asked.destroy(strange());
        else if (text.length + part.length > MAX_CHARACTERS) asked.destroy(new Error(`${place} answers too much: is an admin plane there?`));
        else text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        try {
          const answer = JSON.parse(text) as (T & { readonly error?: unknown }) | null;
          if (typeof answer !== "object" || answer === null) reject(strange());
          else if (response.statusCode === 200) resolve(answer);
          else reject(new Error(`${place} refuses: ${typeof answer.error === "string" ? answer.error.slice(0, MAX_ERROR) : `HTTP status ${response.statusCode}`}`));
        } catch {
          reject(strange());
        }
      });
    });
    // 101 is the end of HTTP, and neither a response nor an error.
    asked.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(strange());
    });
    // For all of it: a node that sends an octet now and then has not answered either.
    const timer = setTimeout(() => asked.destroy(new Error(`${place} does not answer within ${patience} ms`)), patience);
    asked.on("close", () => clearTimeout(timer));
    asked.on("error", (error) => reject("code" in error ? new Error(`${place} does not answer: ${String(error.code)}`) : error));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
