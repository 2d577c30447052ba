/** Users of an HTTP server: C++ checks who has logged in before, as long as the server's answer may be kept. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { hashOf } from "../../support/digest-client.js";
import { DOMAIN } from "../../support/home.js";
import { LoginStage } from "../../support/login-stage.js";

/** What it says of every user, and how often it was asked. */
async function credentialServer(cacheControl?: string): Promise<{ readonly url: string; readonly setPassword: (password: string) => void; readonly asked: () => number }> {
  let password = "first";
  let asked = 0;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += String(piece)));
    request.on("end", () => {
      asked += 1;
      const { user } = JSON.parse(body) as { user: string };
      response.writeHead(200, { "content-type": "application/json", ...(cacheControl !== undefined && { "cache-control": cacheControl }) });
      response.end(JSON.stringify({ MD5: hashOf("MD5", `${user}:${DOMAIN}:${password}`) }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  onTestFinished(() => void server.closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, setPassword: (next) => void (password = next), asked: () => asked };
}

test("AU-9 a user of an HTTP server is checked by numbers as long as max-age says, and his changed password counts after that", { timeout: 30_000 }, async () => {
  const server = await credentialServer("max-age=3");
  const stage = await LoginStage.open({ SLUICE_AUTH: server.url });
  // Two logins within those seconds, however slow the machine is.
  await expect.poll(async () => {
    const asked = server.asked();
    return (await stage.isTaken("bob", "first")) && server.asked() === asked;
  }).toBe(true);
  expect(await stage.register("bob", "wrong")).toBe(401);
  server.setPassword("second");
  await expect.poll(() => stage.register("bob", "first"), { interval: 200 }).toBe(401);
  expect(await stage.register("bob", "second")).toBe(200);
  expect(await stage.isTaken("bob", "second")).toBe(true);
});

test("AU-9 without max-age each login is looked up, and a changed password counts at once", async () => {
  const server = await credentialServer();
  const stage = await LoginStage.open({ SLUICE_AUTH: server.url });
  // Of the first one, numbers write the challenge.
  expect(await stage.register("bob", "first")).toBe(200);
  expect([await stage.isTaken("bob", "first"), await stage.isTaken("bob", "first")]).toEqual([false, false]);
  server.setPassword("second");
  expect(await stage.register("bob", "first")).toBe(401);
  expect(await stage.register("bob", "second")).toBe(200);
});
