/** After a crash and with new keys, authentic tokens are distinguished from forged ones (decision D4, RFC 5626 5.2 and 9.3). */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Edge } from "../support/edge.js";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import { userOf } from "../support/sip-message.js";

const message = (path: readonly string[]): string => `MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`;
const newKey = (): string => randomBytes(32).toString("base64");

test("OB-9-2 OB-5.2-5 after kill -9 and a restart an old TCP token is 430, not 403", async () => {
  const { SUT, U, C } = await cast({ process: true, client: "tcp" });
  const path = await register(U, C);
  await SUT.kill();
  await SUT.restart();
  await C.say(message(path));
  await C.response(430);
});

test("OB-9-2 an old TCP token does not lead to the client that now has the slot", async () => {
  const company = await cast({ process: true, client: "tcp" });
  const { SUT, U, U2, C } = company;
  const path = await register(U, C);
  await SUT.kill();
  await SUT.restart();
  await company.reconnect(U);
  await company.reconnect(U2);
  await register(U, C);
  await register(U2, C);
  await C.say(message(path));
  await C.response(430);
  await U.nothing();
  await U2.nothing();
});

test("OB-5.2-4 after kill -9 and restart an old UDP token still delivers", async () => {
  const { SUT, U, C } = await cast({ process: true });
  const path = await register(U, C);
  await SUT.kill();
  await SUT.restart();
  await C.say(message(path));
  await U.request("MESSAGE");
  await U.reply("200 OK");
  await C.response(200);
});

test("OB-5.2-5 the key file is created at the first start, unreadable for others, and kept", async () => {
  const { SUT } = await cast({ process: true });
  const file = join(SUT.stateDir, "flow.keys");
  const before = statSync(file);
  expect(before.mode & 0o777).toBe(0o600);
  await SUT.restart();
  expect(statSync(file).mtimeMs).toBe(before.mtimeMs);
});

test("OB-5.2-5 a token of the previous key is valid while that key is in the ring, and 430 afterwards", async () => {
  const [old, fresh] = [newKey(), newKey()];
  const company = await cast({ settings: { SLUICE_FLOW_KEYS: `1:${old}` } });
  const { U, C } = company;
  const path = await register(U, C);
  await company.SUT.stop();
  const settings = company.SUT.settings;
  const rotated = await Edge.start({ ...settings, SLUICE_FLOW_KEYS: `2:${fresh},1:${old}` });
  await C.say(message(path));
  await U.request("MESSAGE");
  const freshPath = await register(U, C);
  expect(freshPath.at(-1)).not.toBe(path.at(-1));
  await rotated.stop();
  const renewed = await Edge.start({ ...settings, SLUICE_FLOW_KEYS: `2:${fresh}` });
  onTestFinished(() => renewed.stop());
  await C.say(message(path));
  await C.response(430);
  await C.say(message(freshPath));
  await U.request("MESSAGE");
});

test("OB-5.2-1 with another key under the same id, a token is forged", async () => {
  const company = await cast({ settings: { SLUICE_FLOW_KEYS: `1:${newKey()}` } });
  const { U, C } = company;
  const path = await register(U, C);
  await company.SUT.stop();
  const other = await Edge.start({ ...company.SUT.settings, SLUICE_FLOW_KEYS: `1:${newKey()}` });
  onTestFinished(() => other.stop());
  await C.say(message(path));
  await C.response(403);
  await U.nothing();
});

for (const client of ["udp", "tcp"] as const) {
  test(`OB-5.2-6 DET-19 a token of another node with the same keys is 430, ${client}`, async () => {
    const settings = { SLUICE_FLOW_KEYS: `1:${newKey()}` };
    const node = await cast({ client, settings });
    const sibling = await cast({ client, settings });
    const [top = "", below = ""] = await register(node.U, node.C);
    await sibling.C.say(message([`<sip:${userOf(top)}@${sibling.core};lr;ob>`, `<sip:${userOf(below)}@${sibling.client};lr;ob>`]));
    await sibling.C.response(430);
    await node.U.nothing();
  });
}
