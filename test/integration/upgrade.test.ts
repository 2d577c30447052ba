/** A new process takes over from the running one, flows and all, and whatever fails, the running one goes on. */
import { expect, test } from "vitest";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";

const message = (path: readonly string[]): string => `MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`;

async function upgrade({ SUT }: Cast): Promise<void> {
  const before = SUT.output.length;
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output.slice(before), { timeout: 60_000 }).toMatch(/all is handed over|upgrade refused|upgrade failed/);
  expect(SUT.output.slice(before)).toContain("all is handed over");
}

test("a phone's UDP flow leads on after an upgrade: its token, its port and its socket are the same", { timeout: 90_000 }, async () => {
  const company = await cast({ own: true });
  const { U, C } = company;
  const path = await register(U, C);
  await upgrade(company);
  await C.say(message(path));
  await U.request("MESSAGE");
  await U.reply("200 OK");
  await C.response(200);
  await register(U, C);
});
