/**
 * sipsak on the standalone server: a client without outbound registers, gets a MESSAGE on its flow, authenticates, and unregisters.
 * In Debian's version the modes -M and -I crash before they send, so the MESSAGE comes from a file.
 *
 * Needs: sipsak
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { hashOf } from "../support/digest-client.js";
import { Home } from "../support/home.js";
import { freePort } from "../support/ports.js";
import { testWith } from "../support/test-with.js";
import type { Exit } from "./support/program.js";
import { sipsak } from "./support/sipsak.js";

const test = testWith("sipsak");
const DOMAIN = "127.0.0.1";
/** -S: listen on the port it sends from. */
const USRLOC = ["-vvv", "-U", "-i", "-S", "-x", "60"];

describe("sipsak on the standalone server", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sipsak-"));
  let home: Home;

  beforeAll(async () => {
    home = await Home.open({ SLUICE_DOMAINS: DOMAIN });
  });
  afterAll(async () => {
    await home.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Sends a MESSAGE to this user. */
  function message(user: string): Promise<Exit> {
    const file = join(folder, `to-${user}`);
    const lines = [
      `MESSAGE sip:${user}@${DOMAIN} SIP/2.0`,
      "Max-Forwards: 70",
      `From: <sip:sender@${DOMAIN}>;tag=sender`,
      `To: <sip:${user}@${DOMAIN}>`,
      `Call-ID: ${user}@sender`,
      "CSeq: 1 MESSAGE",
      "Content-Type: text/plain",
      "Content-Length: 5",
      "",
      "hello",
    ];
    writeFileSync(file, lines.join("\n"));
    return sipsak("-vvv", "-f", file, "-s", `sip:${user}@${home.at}`);
  }

  const query = (user: string): Promise<Exit> => sipsak("-vvv", "-U", "-i", "-C", "empty", "-s", `sip:${user}@${home.at}`);

  test("SA-20 SA-1 registers without outbound over UDP, and a MESSAGE reaches it on the same flow", async () => {
    const port = await freePort();
    const registered = await sipsak(...USRLOC, "-l", String(port), "-s", `sip:sak@${home.at}`);
    expect(registered.output).not.toMatch(/^Require: outbound/m);
    expect(registered.code).toBe(0);
    // sipsak has exited; its port is still its flow.
    const phone = await home.phone("sak", "udp", port);
    const sent = message("sak");
    expect((await phone.request("MESSAGE")).body).toBe("hello");
    expect(phone.last.from).toBe(home.at);
    await phone.reply("200 OK");
    expect(await sent).toMatchObject({ code: 0 });
  });

  test("SA-20 OB-7-13 over TCP its binding ends with its connection", async () => {
    const registered = await sipsak(...USRLOC, "-E", "tcp", "-s", `sip:short@${home.at}`);
    expect(registered.output).toMatch(/^Contact: <sip:short@.*;expires=60/m);
    expect(registered.code).toBe(0);
    await expect.poll(async () => (await query("short")).output).not.toContain("Contact:");
    expect((await message("short")).output).toMatch(/^SIP\/2.0 4(?:04|80) /m);
  });

  test("SA-20 REG-9 removes everything it has registered, with Contact: *", async () => {
    await sipsak(...USRLOC, "-s", `sip:star@${home.at}`);
    expect((await query("star")).output).toContain("Contact: <sip:star@");
    const removed = await sipsak("-vvv", "-U", "-i", "-C", "*", "-x", "0", "-s", `sip:star@${home.at}`);
    expect(removed).toMatchObject({ code: 0 });
    expect((await query("star")).output).not.toContain("Contact:");
  });
});

describe("sipsak on a standalone server that requires passwords", () => {
  test("SA-20 AU-1 AU-6 AU-18 reads only the first challenge, which is MD5 if nothing else is offered", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-sipsak-"));
    try {
      const users = join(folder, "users");
      writeFileSync(users, `sak:${DOMAIN}:${hashOf("MD5", `sak:${DOMAIN}:secret`)}\n`);
      const home = await Home.spawn({ SLUICE_DOMAINS: DOMAIN, SLUICE_AUTH: `file:${users}`, SLUICE_AUTH_ALGORITHMS: "md5" });
      const target = ["-s", `sip:sak@${home.at}`];
      expect((await sipsak(...USRLOC, "-u", "sak", "-a", "wrong", ...target)).code).not.toBe(0);
      expect(await sipsak(...USRLOC, "-u", "sak", "-a", "secret", ...target)).toMatchObject({ code: 0 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
