/** The admin plane is bounded: unfinished requests hold few descriptors, and not for long. */
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { NodeServer } from "../../src/admin/web/node-server.js";
import type { WebHandlers } from "../../src/admin/web/web-server.js";
import { binding } from "../../src/native/load.js";
import { HOST } from "../support/crowd.js";

const handlers: WebHandlers = {
  answer: () => Promise.resolve({ status: 200, headers: [], body: "ok" }),
  refuse: () => undefined,
  opened: () => undefined,
  closed: () => undefined,
  mostBody: 1_000,
};

test("of 600 unfinished requests few are held, none for long, and then requests are answered again", { timeout: 60_000 }, async () => {
  const server = new NodeServer(handlers);
  const port = (await server.listen(binding.listenTcp(HOST, 0))) ?? 0;
  onTestFinished(() => server.close());
  const halves: Socket[] = [];
  for (let at = 0; at < 600; at += 1) {
    const socket = connect(port, HOST);
    socket.on("error", () => undefined);
    socket.on("connect", () => socket.write("GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "));
    halves.push(socket);
    if (at % 50 === 49) await sleep(10);
  }
  onTestFinished(() => halves.forEach((socket) => socket.destroy()));
  // An octet now and then does not make a request either.
  const trickle = setInterval(() => halves.forEach((socket) => void (socket.writable && socket.write("x"))), 2_000);
  onTestFinished(() => clearInterval(trickle));
  const held = (): number => halves.filter((socket) => socket.readyState === "open").length;
  await expect.poll(held, { timeout: 5_000 }).toBeLessThanOrEqual(128);
  expect(held()).toBeGreaterThan(0);
  await expect.poll(held, { timeout: 30_000, interval: 500 }).toBe(0);
  const good = connect(port, HOST);
  onTestFinished(() => void good.destroy());
  good.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  const [answer] = (await once(good, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200/);
});
