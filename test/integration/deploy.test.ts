/** deploy/ against the real program: the fail2ban filter on real log lines, and what systemd hears. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { userOf } from "../support/sip-message.js";

const FILTER = fileURLToPath(new URL("../../deploy/fail2ban/filter.d/sluice.conf", import.meta.url));

/** The patterns as fail2ban uses them, with its own names for an address. */
function failRegexes(): readonly RegExp[] {
  const text = /^failregex = ([^]*?)^datepattern/m.exec(readFileSync(FILTER, "utf8"))?.[1] ?? "";
  return text.trim().split("\n").map((line) => new RegExp(line.trim().replace("<ADDR>", "(?<address>[0-9a-fA-F:.]+)")));
}

function caught(output: string): readonly string[] {
  const lines = output.split("\n");
  return lines.flatMap((line) => failRegexes().flatMap((regex) => regex.exec(line)?.groups?.["address"] ?? []));
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`DET-22 fail2ban's filter finds the source of a forged token and of garbage in the log, and nobody else's; ${host}`, async () => {
    const { SUT, U, C, core } = await cast({ client: "tcp", host });
    const token = userOf((await register(U, C)).at(0) ?? "");
    expect(caught(SUT.output)).toEqual([]);
    await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: <sip:${token.slice(0, -2)}${token.endsWith("AA") ? "BB" : "AA"}@${core};lr>`);
    await C.response(403);
    await expect.poll(() => caught(SUT.output)).toEqual([host]);
    await U.send("MESSAGE sip:a@b SIP/2.0\r\nVia: broken\r\n\r\n");
    await expect.poll(() => caught(SUT.output)).toEqual([host, host]);
  });
}

test("SA-8 systemd hears that it is ready, how it does, and that it stops", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "sluice-notify-")), "notify");
  // Node has no datagram sockets of this family; every Debian has perl.
  const listener = spawn("perl", ["-MSocket", "-e", "$|=1;socket(S,AF_UNIX,SOCK_DGRAM,0);bind(S,sockaddr_un($ARGV[0]))or die;print qq(bound\\n);while(recv(S,$m,4096,0),1){print qq($m\\n)}", path]);
  let heard = "";
  listener.stdout.on("data", (octets: Buffer) => (heard += octets.toString()));
  try {
    await expect.poll(() => heard).toContain("bound");
    const { SUT } = await cast({ settings: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "400000" } });
    expect(heard).toMatch(/READY=1\nSTATUS=\d+ flows, \d+ requests, 1 upstream targets/);
    await expect.poll(() => heard.match(/WATCHDOG=1/g)?.length ?? 0).toBeGreaterThan(1);
    SUT.terminate();
    await SUT.exited();
    expect(heard).toContain("STOPPING=1");
  } finally {
    listener.kill();
  }
});
