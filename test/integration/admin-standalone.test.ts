/** The admin plane of a process that is also a registrar: bindings, and their flows. */
import { expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { cast } from "../support/cast.js";
import { sluiceWithin } from "../support/command.js";

test("SA-11 standalone: a binding is looked up and removed, its flow is found by its AOR, its messages are traced", async () => {
  const admin = await Admin.choose();
  const { U } = await cast({ client: "tcp", settings: { SLUICE_MODE: "standalone", SLUICE_DOMAINS: "example.com", SLUICE_ADMIN_LISTEN: admin.listen } });
  const trace = (await admin.ask("POST", "/api/traces", { what: "alice@example.com" })).json["id"] as string;
  await U.say("REGISTER sip:example.com SIP/2.0\nTo: <sip:alice@example.com>\nFrom: <sip:alice@example.com>;tag=a\nCall-ID: home\nSupported: path, outbound\nContact: <sip:alice@192.0.2.1>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\"");
  await U.response(200);
  const bindings = (await admin.get("/api/bindings?q=alice@example.com")).json["bindings"] as { readonly aor: string; readonly regId: number }[];
  expect(bindings).toMatchObject([{ aor: "sip:alice@example.com", regId: 1 }]);
  const flows = (await admin.get("/api/flows?q=alice@example.com")).json["flows"] as { readonly outbound: boolean }[];
  expect(flows).toMatchObject([{ outbound: true }]);
  await expect.poll(async () => ((await admin.get(`/api/traces/${trace}`)).json["messages"] as unknown[]).length).toBe(2);
  expect((await admin.get("/readyz?verbose")).text).toContain("[+] location store");
  const env = { SLUICE_ADMIN_LISTEN: admin.listen };
  expect((await sluiceWithin(["bindings", "sip:alice@example.com"], env)).out).toContain("sip:alice@192.0.2.1");
  expect((await sluiceWithin(["bindings", "--remove", "sip:alice@example.com"], env)).code).toBe(0);
  expect((await sluiceWithin(["bindings", "sip:alice@example.com"], env)).code).toBe(3);
});
