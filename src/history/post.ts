/** One HTTP POST: its status, or why there was none. Never takes longer than its time limit, whatever the other side does. */
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

const MAX_MS = 10_000;
const MAX_ANSWER = 64 * 1_024;

export class Poster {
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #mostMs: number;

  constructor(url: string, connections: number, mostMs = MAX_MS) {
    this.#url = new URL(url);
    const options = { keepAlive: true, maxSockets: connections };
    this.#agent = this.#url.protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
    this.#mostMs = mostMs;
  }

  /** Rejects when there was no response in time. */
  post(headers: Readonly<Record<string, string>>, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const send = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
      const asked: ClientRequest = send(this.#url, { method: "POST", agent: this.#agent, headers: { ...headers, "content-length": String(Buffer.byteLength(body)) } }, (answer) => {
        const status = answer.statusCode ?? 0;
        drain(answer);
        answer.once("close", () => {
          clearTimeout(late);
          resolve(status);
        });
      });
      const late = setTimeout(() => asked.destroy(new Error(`no response within ${this.#mostMs / 1_000} s`)), this.#mostMs);
      asked.once("error", (error) => {
        clearTimeout(late);
        reject(error);
      });
      asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Nobody needs the text, but the connection can be used again only after its end. */
function drain(answer: IncomingMessage): void {
  let octets = 0;
  answer.on("data", (part: Buffer) => {
    octets += part.length;
    if (octets > MAX_ANSWER) answer.destroy();
  });
  answer.on("error", () => undefined);
}
