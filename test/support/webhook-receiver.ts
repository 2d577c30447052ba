/** A server that gets events as HTTP requests, and behaves as badly as a test wants. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface CloudEvent {
  readonly specversion: string;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What it does with a request. */
export type Conduct = (response: ServerResponse, event: CloudEvent) => void;

export const accept: Conduct = (response) => void response.writeHead(204).end();

export class WebhookReceiver {
  readonly accepted: CloudEvent[] = [];
  /** Requests, accepted or not. */
  requests = 0;
  /** Requests whose signature is wrong. */
  forged = 0;
  conduct: Conduct = accept;
  readonly #server: Server;
  readonly #secret: string;

  private constructor(secret: string) {
    this.#secret = secret;
    this.#server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (part: string) => (body += part));
      request.on("end", () => {
        this.requests += 1;
        const { "webhook-id": id = "", "webhook-timestamp": time = "", "webhook-signature": signed = "", "content-type": type = "" } = request.headers;
        const expected = `v1,${createHmac("sha256", this.#secret).update(`${String(id)}.${String(time)}.${body}`).digest("base64")}`;
        const isGenuine = String(signed).length === expected.length && timingSafeEqual(Buffer.from(String(signed)), Buffer.from(expected));
        const event = JSON.parse(body) as CloudEvent;
        if (!isGenuine || event.id !== id || !type.startsWith("application/cloudevents+json")) this.forged += 1;
        response.once("finish", () => response.statusCode < 300 && this.accepted.push(event));
        this.conduct(response, event);
      });
    });
  }

  static async start(secret: string, port = 0): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret);
    await new Promise<void>((resolve, reject) => receiver.#server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook?token=s3cret`;
  }

  get types(): readonly string[] {
    return this.accepted.map(({ type }) => type);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
