/** A misbehaving credential server costs a bounded answer and a bounded wait, whatever it sends. */
import { once } from "node:events";
import { type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { HttpCredentials } from "../../../src/auth/http-credentials.js";

/** Longer than a test may take: what ends, has another reason. */
const NEVER_MS = 600_000;

interface Endless {
  readonly credentials: HttpCredentials;
  /** Octets it could send before the connection was closed. */
  readonly sent: () => number;
}

async function endless(piece: Buffer): Promise<Endless> {
  let sent = 0;
  const pour = (response: ServerResponse): void => {
    if (response.destroyed) return;
    sent += piece.length;
    if (response.write(piece)) setImmediate(() => pour(response));
    else response.once("drain", () => pour(response));
  };
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json" });
    pour(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.closeAllConnections());
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { credentials: new HttpCredentials(`http://127.0.0.1:${port}/`, NEVER_MS), sent: () => sent };
}

test("an endless answer is abandoned as soon as it is longer than any valid one", async () => {
  const { credentials, sent } = await endless(Buffer.alloc(64 << 10, "x"));
  await expect(credentials.find("bob", "example.com")).rejects.toHaveProperty("name", "CredentialsUnavailable");
  const poured = sent();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Its connection is closed, so nothing more arrives than what was already on its way.
  expect(sent()).toBeLessThan(poured + (16 << 20));
});

test("only a bounded number of lookups wait, and the rest are refused at once", async () => {
  let asked = 0;
  const server = createServer((request) => {
    asked += 1;
    request.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const credentials = new HttpCredentials(`http://127.0.0.1:${port}/`, NEVER_MS);
  const all = Array.from({ length: 1_000 }, (_, at) => credentials.find(`user${at}`, "example.com").catch((error: unknown) => String(error)));
  await Promise.all(all.slice(256));
  await expect.poll(() => asked).toBe(256);
  server.closeAllConnections();
  await Promise.all(all);
});

test("AU-9 an answer is kept for what its age leaves of its lifetime, counted from the question", async () => {
  const lateMs = 300;
  const headers: Record<string, Record<string, string>> = {
    plain: { "cache-control": "private, max-age=60" },
    aged: { "cache-control": "max-age=60", age: "50" },
    old: { "cache-control": "max-age=60", age: "61" },
    endless: { "cache-control": "max-age=99999999999999999999" },
    extended: { "cache-control": "x-max-age=60" },
    negative: { "cache-control": "max-age=-60" },
    quoted: { "cache-control": 'max-age="60"' },
    several: { "cache-control": "max-age=5,max-age=60" },
    shared: { "cache-control": "s-maxage=60" },
    never: { "cache-control": "max-age=60, no-store" },
    bad: { "cache-control": "max-age=60", age: "-1" },
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { user } = JSON.parse(Buffer.concat(parts).toString()) as { user: string };
      setTimeout(() => response.writeHead(200, headers[user]).end(JSON.stringify({ MD5: "0".repeat(32) })), lateMs);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  onTestFinished(() => void server.closeAllConnections());
  const credentials = new HttpCredentials(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, NEVER_MS);
  const most: Record<string, number> = { plain: 60, aged: 10, endless: 3_600, several: 5, bad: 60 };
  await Promise.all(
    Object.keys(headers).map(async (user) => {
      const began = performance.now();
      const keepMs = (await credentials.find(user, "example.com"))?.keepMs ?? Number.NaN;
      const seconds = most[user] ?? 0;
      expect(keepMs, user).toBeLessThanOrEqual(Math.max(0, seconds * 1_000 - lateMs + 10));
      expect(keepMs, user).toBeGreaterThanOrEqual(Math.max(0, seconds * 1_000 - (performance.now() - began) - 10));
    }),
  );
});
