/** A keeper and a server that has bindings: they come from its journal, and the connections that they lead to from the keeper. */
import { expect, test } from "vitest";
import { testCertificates } from "../support/certificates.js";
import type { Settings } from "../support/edge.js";
import { STREAMS, homeWithPhones } from "../support/every-transport.js";
import { instanceOf } from "../support/home.js";
import { crash } from "../support/kept-server.js";

const LIMIT = { timeout: 120_000 };

const WAYS: readonly (readonly [string, Settings])[] = [
  ["by numbers", {}],
  ["on the object path", { SLUICE_FAST_PATH: "off" }],
];

test.each(WAYS)("phones of a standalone server are found over their old flows after two crashes, %s; whose flow has ended is not", LIMIT, async (_, more) => {
  testCertificates();
  const { home, phones } = await homeWithPhones({ SLUICE_KEEPER: "on", ...more });
  const A = await home.phone("A");
  for (const round of [1, 2]) {
    expect(await crash(home.server)).toMatchObject({ crashes: round, kept: STREAMS.length, lost: 0 });
    for (const phone of phones) {
      await A.say(`MESSAGE sip:${phone.name}@example.com SIP/2.0\nCall-ID: ${round}-${phone.name}@${home.scene}`);
      await phone.request("MESSAGE");
      await phone.reply("200 OK");
      await A.response(200);
    }
    for (const phone of phones) await home.register(phone, { instance: instanceOf(phone.name) });
  }
  for (const phone of phones) expect(phone.wire.isOpen).toBe(true);
  const [, ends = expect.unreachable()] = phones;
  await ends.close();
  await A.say(`MESSAGE sip:${ends.name}@example.com SIP/2.0\nCall-ID: ended@${home.scene}`);
  await A.response(480);
});
