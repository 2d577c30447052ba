/** The admin plane of an edge under test, over real HTTP. */
import { request } from "node:http";
import { freePort } from "./ports.js";

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export class Admin {
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  static async choose(): Promise<Admin> {
    return new Admin(await freePort());
  }

  /** For the settings of the edge. */
  get listen(): string {
    return `127.0.0.1:${this.port}`;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<AdminAnswer> {
    return this.ask("GET", path, undefined, headers);
  }

  ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<AdminAnswer> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      const length = Buffer.byteLength(text);
      const sent = { ...(method === "GET" ? {} : { "content-type": "application/json", "content-length": length }), ...headers };
      const asked = request({ host: "127.0.0.1", port: this.port, path, method, headers: sent, agent: false, timeout: 10_000 }, (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (answer += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: answer, json: parse(answer) }));
      });
      asked.on("error", reject);
      asked.end(text);
    });
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
