/** deploy/ with the real program: the fail2ban filter on real log lines, and notifications to systemd. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { answerChallenge } from "../../src/phone/digest.js";
import { readRunning } from "../../src/process/running-file.js";
import { cast } from "../support/cast.js";
import { DOMAIN, Home } from "../support/home.js";

const FILTER = fileURLToPath(new URL("../../deploy/fail2ban/filter.d/sluice.conf", import.meta.url));

/** The patterns as fail2ban uses them, with its own placeholder for an address. */
function failRegexes(): readonly RegExp[] {
  const text = /^failregex = ([^]*?)^datepattern/m.exec(readFileSync(FILTER, "utf8"))?.[1] ?? "";
  return text.trim().split("\n").map((line) => new RegExp(line.trim().replace("<ADDR>", "(?<address>[0-9a-fA-F:.]+)")));
}

function caught(output: string): readonly string[] {
  const lines = output.split("\n");
  return lines.flatMap((line) => failRegexes().flatMap((regex) => regex.exec(line)?.groups?.["address"] ?? []));
}

test("DET-22 AU-17 fail2ban's filter matches password guessers, but not garbage, which anyone can send in someone else's name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  writeFileSync(join(folder, "users"), `alice:${DOMAIN}:${"a".repeat(64)}\n`);
  const home = await Home.start({ SLUICE_AUTH: `file:${join(folder, "users")}` });
  const caller = await home.phone("caller");
  const register = (cseq: number, extra = ""): Promise<unknown> =>
    caller.say(`REGISTER sip:${DOMAIN} SIP/2.0\nCall-ID: guess@${home.scene}\nCSeq: ${cseq} REGISTER\nFrom: <sip:alice@${DOMAIN}>;tag=a\nTo: <sip:alice@${DOMAIN}>${extra}`);
  await register(1);
  const challenge = (await caller.response(401)).header("WWW-Authenticate");
  await caller.send("MESSAGE sip:a@b SIP/2.0\r\nVia: broken\r\n\r\n");
  expect(caught(home.server.output)).toEqual([]);
  // The name that the guesser uses is not mistaken for a source.
  const user = 'x","source":"192.0.2.7","reason":"password",';
  const answer = answerChallenge(challenge, "REGISTER", `sip:${DOMAIN}`, { user: user.replaceAll('"', String.raw`\"`), password: "guess" });
  await register(2, `\nAuthorization: ${answer}`);
  await caller.response(401);
  await expect.poll(() => caught(home.server.output)).toEqual([caller.at.replace(/:\d+$/, "").replace(/[[\]]/g, "")]);
});

test("SA-8 systemd is notified of readiness, status, another main process after an upgrade, and stopping", { timeout: 90_000 }, async () => {
  const path = join(mkdtempSync(join(tmpdir(), "sluice-notify-")), "notify");
  // Node has no Unix datagram sockets; every Debian has perl.
  const listener = spawn("perl", ["-MSocket", "-e", "$|=1;socket(S,AF_UNIX,SOCK_DGRAM,0);bind(S,sockaddr_un($ARGV[0]))or die;print qq(bound\\n);while(recv(S,$m,4096,0),1){print qq($m\\n)}", path]);
  let heard = "";
  listener.stdout.on("data", (octets: Buffer) => (heard += octets.toString()));
  try {
    await expect.poll(() => heard).toContain("bound");
    const { SUT } = await cast({ process: true, settings: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "400000" } });
    await expect.poll(() => heard).toMatch(/READY=1\nSTATUS=\d+ flows, \d+ requests, 1 upstream targets/);
    await expect.poll(() => heard.match(/WATCHDOG=1/g)?.length ?? 0).toBeGreaterThan(1);
    SUT.signal("SIGUSR2");
    await expect.poll(() => heard, { timeout: 60_000 }).toMatch(/MAINPID=\d+/);
    // Nobody stands in for it: systemd itself waits for the new one.
    expect(await SUT.exited()).toBe(0);
    const pid = Number(/MAINPID=(\d+)/.exec(heard)?.[1]);
    expect(readRunning(SUT.stateDir)?.pid).toBe(pid);
    process.kill(pid, "SIGTERM");
    await expect.poll(() => heard).toContain("STOPPING=1");
    await SUT.stop();
  } finally {
    listener.kill();
  }
});
