/** Users from a real Redis and a real HTTP server. */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { HttpCredentials } from "../../../src/auth/http-credentials.js";
import { RedisCredentials } from "../../../src/auth/redis-credentials.js";
import { RedisServer } from "../../support/redis-server.js";
import { testWith } from "../../support/test-with.js";

const MD5 = "a".repeat(32);
const SHA256 = "b".repeat(64);

interface Hook {
  readonly url: string;
  readonly questions: unknown[];
}

async function hook(answer: (response: ServerResponse, question: unknown) => void): Promise<Hook> {
  const questions: unknown[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let text = "";
    request.on("data", (piece: Buffer) => (text += piece.toString()));
    request.on("end", () => {
      questions.push(JSON.parse(text));
      answer(response, questions.at(-1));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.closeAllConnections());
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/users`, questions };
}

const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => (response: ServerResponse): void => {
  response.writeHead(status, headers).end(JSON.stringify(body));
};

test("users are looked up over HTTP by name and realm, in UTF-8", async () => {
  const { url, questions } = await hook(reply(200, { MD5, "SHA-256": SHA256, other: 1 }));
  expect(await new HttpCredentials(url).find("caf\u00c3\u00a9", "example.org")).toHaveProperty("ha1s", { MD5, "SHA-256": SHA256 });
  expect(questions).toEqual([{ user: "café", realm: "example.org" }]);
});

test("AU-9 a name that is not UTF-8 is nobody's, even if a user is called U+FFFD", async () => {
  const { url, questions } = await hook(reply(200, { MD5 }));
  const credentials = new HttpCredentials(url);
  expect(await credentials.find("\u00ff", "example.org")).toBeUndefined();
  expect(questions).toEqual([]);
  expect(await credentials.find("\u00ef\u00bf\u00bd", "example.org")).toHaveProperty("ha1s", { MD5 });
});

test("without max-age every lookup is sent, with it none is repeated, and 404 is an answer", async () => {
  const fresh = await hook(reply(200, { MD5 }));
  const kept = await hook(reply(404, {}, { "cache-control": "private, max-age=60" }));
  for (let count = 0; count < 3; count += 1) {
    expect(await new HttpCredentials(fresh.url).find("bob", "r")).toHaveProperty("ha1s", { MD5 });
  }
  expect(fresh.questions).toHaveLength(3);
  const credentials = new HttpCredentials(kept.url);
  for (let count = 0; count < 3; count += 1) expect(await credentials.find("bob", "r")).toBeUndefined();
  expect(kept.questions).toHaveLength(1);
});

test("simultaneous lookups of the same user share the answer", async () => {
  const { url, questions } = await hook((response) => void setTimeout(() => reply(200, { MD5 })(response), 50));
  const credentials = new HttpCredentials(url);
  const answers = await Promise.all(Array.from({ length: 50 }, () => credentials.find("bob", "r")));
  expect(answers.map((found) => found?.ha1s)).toEqual(Array(50).fill({ MD5 }));
  expect(questions).toHaveLength(1);
});

test.each([
  ["an error", reply(500, {})],
  ["no HA1", reply(200, { MD5: "short" })],
  ["no object", reply(200, null)],
  ["too much", reply(200, { MD5, padding: "x".repeat(10_000) })],
  ["another place", reply(302, {}, { location: "http://127.0.0.1:1/" })],
  ["nothing", (): void => undefined],
])("%s is no answer", async (_, answer) => {
  const { url } = await hook(answer);
  await expect(new HttpCredentials(url, 300).find("bob", "r")).rejects.toHaveProperty("name", "CredentialsUnavailable");
});

test("concurrent lookups are limited", async () => {
  const { url } = await hook(() => undefined);
  const credentials = new HttpCredentials(url, 300);
  const results = await Promise.allSettled(Array.from({ length: 300 }, (_, user) => credentials.find(`u${user}`, "r")));
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
});

testWith("redis-server")("users are found in Redis, and an unreachable Redis is not an answer", async () => {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  const admin = new Redis(server.url);
  await admin.hset("sluice:auth:example.org:café", { "SHA-256": SHA256 });
  await admin.hset("sluice:auth:example.org:\ufffd", { MD5 });
  admin.disconnect();
  const credentials = new RedisCredentials(server.url, () => undefined);
  onTestFinished(() => credentials.close());
  await expect.poll(() => credentials.find("caf\u00c3\u00a9", "example.org").catch(() => "away")).toHaveProperty("ha1s", { "SHA-256": SHA256 });
  expect(await credentials.find("nobody", "example.org")).toBeUndefined();
  expect(await credentials.find("\u00ef\u00bf\u00bd", "example.org")).toHaveProperty("ha1s", { MD5 });
  // Not UTF-8: another name than U+FFFD, whose changes would not be heard.
  expect(await credentials.find("\u00ff", "example.org")).toBeUndefined();
  await server.kill();
  await expect(credentials.find("nobody", "example.org")).rejects.toHaveProperty("name", "CredentialsUnavailable");
});
