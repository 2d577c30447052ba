/** Other TLS implementations as phones, through updates of their keys, small fragments and resumption. Needs: gnutls-cli */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import { PATIENCE } from "../support/mailbox.js";
import { complete } from "../support/sip-text.js";
import { testWith } from "../support/test-with.js";

const test = testWith("gnutls-cli");

const PHONE = { name: "phone", at: "192.0.2.1:5061", transport: "tls", scene: "phone" } as const;

class Program {
  readonly #child: ChildProcess;
  output = "";

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: "pipe" });
    onTestFinished(() => void this.#child.kill());
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on("data", (text: Buffer) => (this.output += text.toString("latin1")));
  }

  async type(text: string): Promise<void> {
    await new Promise<void>((resolve) => this.#child.stdin?.write(text, () => resolve()));
  }

  async shows(part: RegExp): Promise<void> {
    await expect.poll(() => this.output, { timeout: PATIENCE }).toMatch(part);
  }
}

/** A request and its answer. */
async function talk(phone: Program, { C }: Cast, id: string): Promise<void> {
  await phone.type(complete("OPTIONS sip:bob@example.com SIP/2.0", PHONE).replace("Call-ID: ", `Call-ID: ${id}-`));
  await C.request("OPTIONS");
  await C.reply(`200 Heard ${id}`);
  await phone.shows(new RegExp(`SIP/2\\.0 200 Heard ${id}`));
}

for (const priority of ["+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM", "+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM", "+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", "+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM"]) {
  test(`TR-25 GnuTLS as a phone, ${priority}`, async () => {
    const company = await cast({ client: "tls" });
    const [host = "", port = ""] = company.client.split(":");
    const phone = new Program("gnutls-cli", ["--insecure", "--inline-commands", "--priority", `NORMAL:-VERS-ALL:${priority}`, "--port", port, host]);
    await phone.shows(/Simple Client Mode/);
    await talk(phone, company, "one");
    if (priority.includes("TLS1.3")) {
      await phone.type("^rekey^\n");
      await talk(phone, company, "two");
    }
  });
}

for (const version of ["-tls1_3", "-tls1_2"]) {
  test(`TR-25 openssl s_client as a phone with small fragments, new keys and a resumed session, ${version}`, async () => {
    const company = await cast({ client: "tls" });
    const session = join(mkdtempSync(join(tmpdir(), "sluice-session-")), "session");
    const first = new Program("openssl", ["s_client", "-connect", company.client, version, "-maxfraglen", "512", "-sess_out", session]);
    await first.shows(/Verify return code/);
    await talk(first, company, "first");
    for (const command of version === "-tls1_3" ? ["k", "K"] : []) {
      first.output = "";
      await first.type(`${command}\n`);
      await first.shows(/KEYUPDATE/);
      await talk(first, company, `after-${command}`);
    }
    const again = new Program("openssl", ["s_client", "-connect", company.client, version, "-maxfraglen", "512", "-sess_in", session]);
    await again.shows(/Reused, TLSv/);
    await talk(again, company, "again");
  });
}
